// Receive events from Proofing: verify, skip what was seen or is older, answer.
//
//	WEBHOOK_KEYS="whsec_... whpk_..." PORT=9000 go run receiver.go
//
// One key is enough: a secret verifies v1, a public key v1a. Needs the standard library only. Put TLS in front of it.
// Keep the inbox in your database: one row an event, one row a verification.
package main

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxBodyBytes = 64 * 1024
	tolerance    = 300 * time.Second
	remember     = 4 * 24 * time.Hour
)

var errNotVerified = errors.New("not an event from Proofing")

type event struct {
	Type string `json:"type"`
	Data struct {
		ID       string `json:"id"`
		Sequence int    `json:"sequence"`
	} `json:"data"`
}

// keys verify signatures; a public key is never used as a secret: everybody may know it.
type keys struct {
	secrets [][]byte
	public  []ed25519.PublicKey
}

func parseKeys(text string) (keys, error) {
	var found keys
	for _, one := range strings.Fields(text) {
		prefix, encoded, _ := strings.Cut(one, "_")
		raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
		switch {
		case err != nil:
			return found, errors.New("a key is not valid base64")
		case prefix == "whsec" && len(raw) >= 24 && len(raw) <= 64:
			found.secrets = append(found.secrets, raw)
		case prefix == "whpk" && len(raw) == ed25519.PublicKeySize:
			found.public = append(found.public, ed25519.PublicKey(raw))
		default:
			return found, errors.New("a key must begin with whsec_ or whpk_")
		}
	}
	if len(found.secrets)+len(found.public) == 0 {
		return found, errors.New("WEBHOOK_KEYS must hold a secret (whsec_) or a public key (whpk_)")
	}
	return found, nil
}

// verify returns the event of a request. The body is the bytes as they arrived.
func (k keys) verify(header http.Header, body []byte, now time.Time) (event, error) {
	var found event
	id, stamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if id == "" || err != nil || strconv.FormatInt(seconds, 10) != stamp {
		return found, errNotVerified
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > tolerance || age < -tolerance {
		return found, errNotVerified
	}
	content := append([]byte(id+"."+stamp+"."), body...)
	if !k.matches(content, header.Get("webhook-signature")) {
		return found, errNotVerified
	}
	return found, json.Unmarshal(body, &found)
}

func (k keys) matches(content []byte, signatures string) bool {
	for _, entry := range strings.Split(signatures, " ") {
		version, encoded, _ := strings.Cut(entry, ",")
		signature, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil {
			continue
		}
		if version == "v1" {
			for _, secret := range k.secrets {
				mac := hmac.New(sha256.New, secret)
				mac.Write(content)
				if hmac.Equal(mac.Sum(nil), signature) {
					return true
				}
			}
		}
		if version == "v1a" {
			for _, public := range k.public {
				if ed25519.Verify(public, content, signature) {
					return true
				}
			}
		}
	}
	return false
}

type inbox struct {
	sync.Mutex
	pruned    time.Time
	seen      map[string]time.Time
	sequences map[string]int
}

// take acts on an event that is new, and not older than those of its verification before it. Both happen under
// one lock, as in one transaction of your database, or two requests at once act in the wrong order.
func (i *inbox) take(id string, e event, now time.Time) {
	i.Lock()
	defer i.Unlock()
	if now.Sub(i.pruned) > time.Hour {
		i.pruned = now
		for one, at := range i.seen {
			if now.Sub(at) > remember {
				delete(i.seen, one)
			}
		}
	}
	if _, known := i.seen[id]; known {
		return
	}
	i.seen[id] = now
	if e.Data.Sequence < i.sequences[e.Data.ID] {
		return
	}
	i.sequences[e.Data.ID] = e.Data.Sequence
	// Only note what is to be done, if it takes longer than a second or two.
	fmt.Println(e.Type, e.Data.ID, e.Data.Sequence)
}

func main() {
	known, err := parseKeys(os.Getenv("WEBHOOK_KEYS"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	received := &inbox{seen: map[string]time.Time{}, sequences: map[string]int{}}
	handle := func(response http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, maxBodyBytes))
		if err != nil || request.Method != http.MethodPost {
			response.WriteHeader(http.StatusBadRequest)
			return
		}
		now := time.Now()
		found, err := known.verify(request.Header, body, now)
		if err != nil {
			response.WriteHeader(http.StatusBadRequest)
			return
		}
		received.take(request.Header.Get("webhook-id"), found, now)
		response.WriteHeader(http.StatusNoContent)
	}
	port := os.Getenv("PORT")
	if port == "" {
		port = "9000"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("listening on", listener.Addr().(*net.TCPAddr).Port)
	server := &http.Server{Handler: http.HandlerFunc(handle), ReadTimeout: 10 * time.Second}
	fmt.Fprintln(os.Stderr, server.Serve(listener))
}
