//! Uses what it links.

fn main() {
    let lengths: smallvec::SmallVec<[usize; 4]> = std::env::args().map(|argument| argument.len()).collect();
    println!("{:?} at {}", lengths, time::get_time().sec);
}
