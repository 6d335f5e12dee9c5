// A gRPC service that knows nothing of Feira: ordinary Go, with server reflection and health, which `feira gateway` asks.
//
// Usage: go run . [HOST:PORT]
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	libraryv1 "example.com/library/gen/library/v1"
)

func main() {
	address := "127.0.0.1:50051"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	libraryv1.RegisterLibraryServiceServer(server, &library{})
	healthv1.RegisterHealthServer(server, health.NewServer())
	// By this line the gateway learns the contract.
	reflection.Register(server)

	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	go func() {
		<-stop.Done()
		server.GracefulStop()
	}()
	fmt.Println(listener.Addr())
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}

type library struct {
	libraryv1.UnimplementedLibraryServiceServer

	mutex sync.Mutex
	books []*libraryv1.Book
}

func (l *library) GetBook(_ context.Context, request *libraryv1.GetBookRequest) (*libraryv1.Book, error) {
	for _, book := range l.all() {
		if book.Id == request.Id {
			return book, nil
		}
	}
	return nil, status.Errorf(codes.NotFound, "there is no book %q", request.Id)
}

func (l *library) CreateBook(_ context.Context, request *libraryv1.CreateBookRequest) (*libraryv1.Book, error) {
	if request.GetBook().GetTitle() == "" {
		return nil, status.Error(codes.InvalidArgument, "a book has a title")
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	book := request.Book
	book.Id = fmt.Sprintf("b%d", len(l.books)+1)
	l.books = append(l.books, book)
	return book, nil
}

func (l *library) StreamBooks(_ *libraryv1.StreamBooksRequest, out libraryv1.LibraryService_StreamBooksServer) error {
	for _, book := range l.all() {
		if err := out.Send(book); err != nil {
			return err
		}
	}
	return nil
}

func (l *library) CountBooks(context.Context, *libraryv1.CountBooksRequest) (*libraryv1.CountBooksResponse, error) {
	return &libraryv1.CountBooksResponse{Count: int64(len(l.all()))}, nil
}

func (l *library) all() []*libraryv1.Book {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return append([]*libraryv1.Book(nil), l.books...)
}
