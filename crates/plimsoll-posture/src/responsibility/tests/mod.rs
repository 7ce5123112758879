//! The table is complete, and verdicts are what they should be on exports of each platform.

mod table;
