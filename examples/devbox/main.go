// A small HTTP service. GET /healthz reports its health. POST /break and POST /heal only serve to
// demonstrate a failing health check.
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	var broken atomic.Bool
	http.HandleFunc("/healthz", func(answer http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			http.Error(answer, "db: no connection", http.StatusServiceUnavailable)
			return
		}
		answer.Write([]byte("ok\n"))
	})
	set := func(value bool) http.HandlerFunc {
		return func(answer http.ResponseWriter, request *http.Request) {
			if request.Method != http.MethodPost {
				http.Error(answer, "use POST", http.StatusMethodNotAllowed)
				return
			}
			broken.Store(value)
			answer.Write([]byte("done\n"))
		}
	}
	http.HandleFunc("/break", set(true))
	http.HandleFunc("/heal", set(false))

	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	server := &http.Server{Addr: ":" + port, ReadHeaderTimeout: 5 * time.Second}
	stopped, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	finished := make(chan struct{})
	go func() {
		<-stopped.Done()
		limited, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		server.Shutdown(limited)
		close(finished)
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	// Requests that have begun are answered.
	<-finished
}
