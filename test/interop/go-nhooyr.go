// Go's nhooyr.io/websocket, as client and as server; see go-peer.go. It chooses itself what its pings carry.
package main

import (
	"context"
	"errors"
	"io"
	"net/http"

	"nhooyr.io/websocket"
)

type nhooyr struct {
	connection *websocket.Conn
	message    io.WriteCloser
}

var background = context.Background()

func newLibrary() library {
	return &nhooyr{}
}

func (peer *nhooyr) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	options := websocket.AcceptOptions{Subprotocols: subprotocols, CompressionMode: websocket.CompressionDisabled}
	connection, err := websocket.Accept(writer, request, &options)
	if err != nil {
		tell("failed", err.Error())
		return
	}
	peer.talk(connection)
}

func (peer *nhooyr) connect(url string, offered []string) error {
	options := websocket.DialOptions{Subprotocols: offered, CompressionMode: websocket.CompressionDisabled}
	connection, _, err := websocket.Dial(background, url, &options)
	if err == nil {
		go peer.talk(connection)
	}
	return err
}

func (peer *nhooyr) talk(connection *websocket.Conn) {
	peer.connection = connection
	connection.SetReadLimit(maxMessageBytes)
	tell("open", connection.Subprotocol())
	for {
		kind, data, err := connection.Read(background)
		var closed websocket.CloseError
		if errors.As(err, &closed) {
			tell("closed", closed.Code, closed.Reason)
			return
		}
		if err != nil {
			tell("closed", nil, nil)
			return
		}
		tellMessage(kind == websocket.MessageText, data)
	}
}

func (peer *nhooyr) send(isText bool, data []byte) error {
	return peer.connection.Write(background, kindOf(isText), data)
}

func (peer *nhooyr) part(isText bool, data []byte, isLast bool) error {
	if peer.message == nil {
		message, err := peer.connection.Writer(background, kindOf(isText))
		if err != nil {
			return err
		}
		peer.message = message
	}
	if _, err := peer.message.Write(data); err != nil || !isLast {
		return err
	}
	message := peer.message
	peer.message = nil
	return message.Close()
}

func (peer *nhooyr) ping(string) error {
	if err := peer.connection.Ping(background); err != nil {
		return err
	}
	tell("pong", nil)
	return nil
}

func (peer *nhooyr) close(code int, reason string) error {
	return peer.connection.Close(websocket.StatusCode(code), reason)
}

func kindOf(isText bool) websocket.MessageType {
	if isText {
		return websocket.MessageText
	}
	return websocket.MessageBinary
}
