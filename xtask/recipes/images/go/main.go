// A server that uses what it links, so that the linker keeps it.
package main

import (
	"fmt"
	"net/http"

	"example.org/plimsoll/harbour/tide"
	"github.com/dgrijalva/jwt-go"
	"golang.org/x/net/html"
)

func main() {
	token := jwt.New(jwt.SigningMethodHS256)
	text, err := token.SignedString([]byte(tide.Now()))
	fmt.Println(text, err, html.EscapeString("<"))
	fmt.Println(http.ListenAndServe("127.0.0.1:8081", nil))
}
