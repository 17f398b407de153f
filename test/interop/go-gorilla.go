// Go's gorilla/websocket, as client and as server; see go-peer.go.
package main

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// It sends a fragment whenever this many bytes are written, whatever the parts are.
const fragmentBytes = 512

type gorilla struct {
	upgrader   websocket.Upgrader
	connection *websocket.Conn
	message    io.WriteCloser
}

func newLibrary() library {
	return &gorilla{upgrader: websocket.Upgrader{
		WriteBufferSize: fragmentBytes, Subprotocols: subprotocols, EnableCompression: true,
	}}
}

func (peer *gorilla) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	connection, err := peer.upgrader.Upgrade(writer, request, nil)
	if err != nil {
		tell("failed", err.Error())
		return
	}
	peer.talk(connection)
}

func (peer *gorilla) connect(url string, offered []string) error {
	dialer := websocket.Dialer{WriteBufferSize: fragmentBytes, Subprotocols: offered, EnableCompression: true}
	connection, _, err := dialer.Dial(url, nil)
	if err == nil {
		go peer.talk(connection)
	}
	return err
}

func (peer *gorilla) talk(connection *websocket.Conn) {
	defer connection.Close()
	peer.connection = connection
	connection.SetReadLimit(maxMessageBytes)
	connection.SetPongHandler(func(payload string) error {
		tell("pong", payload)
		return nil
	})
	tell("open", connection.Subprotocol())
	for {
		kind, data, err := connection.ReadMessage()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			tell("closed", closed.Code, closed.Text)
			return
		}
		if err != nil {
			tell("closed", nil, nil)
			return
		}
		tellMessage(kind == websocket.TextMessage, data)
	}
}

func (peer *gorilla) send(isText bool, data []byte) error {
	return peer.connection.WriteMessage(kindOf(isText), data)
}

func (peer *gorilla) part(isText bool, data []byte, isLast bool) error {
	if peer.message == nil {
		message, err := peer.connection.NextWriter(kindOf(isText))
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

func (peer *gorilla) ping(payload string) error {
	return peer.connection.WriteControl(websocket.PingMessage, []byte(payload), time.Time{})
}

func (peer *gorilla) close(code int, reason string) error {
	payload := websocket.FormatCloseMessage(code, reason)
	return peer.connection.WriteControl(websocket.CloseMessage, payload, time.Time{})
}

func kindOf(isText bool) int {
	if isText {
		return websocket.TextMessage
	}
	return websocket.BinaryMessage
}
