// What the programs of Go's libraries have in common: the lines of peer.ts on stdin and stdout.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
)

// Above what any exchange sends.
const maxMessageBytes = 4 << 20

var subprotocols = []string{"chat", "mail"}

// A library's own part; each file that is compiled with this one has a newLibrary.
type library interface {
	http.Handler
	connect(url string, subprotocols []string) error
	send(isText bool, data []byte) error
	part(isText bool, data []byte, isLast bool) error
	ping(payload string) error
	close(code int, reason string) error
}

var output sync.Mutex

func tell(line ...any) {
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	output.Lock()
	defer output.Unlock()
	fmt.Printf("%s\n", text)
}

func tellMessage(isText bool, data []byte) {
	if isText {
		tell("message", "text", string(data))
	} else {
		// JSON has it as Base64.
		tell("message", "binary", data)
	}
}

// The value of a command; a wrong one ends the program, which is told.
func as[T any](value json.RawMessage) T {
	var result T
	if err := json.Unmarshal(value, &result); err != nil {
		panic(err)
	}
	return result
}

func decode(kind, data json.RawMessage) (isText bool, bytes []byte) {
	if as[string](kind) == "text" {
		return true, []byte(as[string](data))
	}
	// A []byte is Base64 in JSON.
	return false, as[[]byte](data)
}

func obey(peer library, line []byte) error {
	values := as[[]json.RawMessage](line)
	switch name := as[string](values[0]); name {
	case "connect":
		return peer.connect(as[string](values[1]), as[[]string](values[2]))
	case "send":
		isText, data := decode(values[1], values[2])
		return peer.send(isText, data)
	case "part":
		isText, data := decode(values[1], values[2])
		return peer.part(isText, data, as[bool](values[3]))
	case "ping":
		return peer.ping(as[string](values[1]))
	case "close":
		return peer.close(as[int](values[1]), as[string](values[2]))
	default:
		panic("no command: " + name)
	}
}

func main() {
	peer := newLibrary()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		panic(http.Serve(listener, peer))
	}()
	tell("listening", listener.Addr().(*net.TCPAddr).Port)
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		if err := obey(peer, line); err != nil {
			tell("failed", err.Error())
		}
	}
}
