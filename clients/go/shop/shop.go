// Package shop is a small client of Feira over gRPC: deadlines, tokens, errors with their details, safe retries,
// live orders. Copy it and make it yours. It stands on the stubs that `buf generate` makes from the contracts.
package shop

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"time"

	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	articlev1 "example.com/shopper/gen/feira/article/v1"
	orderv1 "example.com/shopper/gen/feira/order/v1"
	paymentv1 "example.com/shopper/gen/feira/payment/v1"
	userv1 "example.com/shopper/gen/feira/user/v1"
)

// Deadline is how long a call may take where its context has none; a server never waits longer than its caller.
const Deadline = 10 * time.Second

// Shop is every service, as one caller.
type Shop struct {
	Users    userv1.UserServiceClient
	Auth     userv1.AuthServiceClient
	Articles articlev1.ArticleServiceClient
	Stock    articlev1.StockServiceClient
	Orders   orderv1.OrderServiceClient
	Payments paymentv1.PaymentServiceClient

	conn  *grpc.ClientConn
	token string
}

// Connect is the shop at HOST:PORT, as anybody. Beyond your own machine use credentials.NewTLS.
func Connect(address string) (*Shop, error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return as(conn, ""), nil
}

func as(conn *grpc.ClientConn, token string) *Shop {
	return &Shop{
		Users:    userv1.NewUserServiceClient(conn),
		Auth:     userv1.NewAuthServiceClient(conn),
		Articles: articlev1.NewArticleServiceClient(conn),
		Stock:    articlev1.NewStockServiceClient(conn),
		Orders:   orderv1.NewOrderServiceClient(conn),
		Payments: paymentv1.NewPaymentServiceClient(conn),
		conn:     conn,
		token:    token,
	}
}

// Conn is the connection, for services that are not Feira's own: health, reflection.
func (s *Shop) Conn() *grpc.ClientConn { return s.conn }

// Close ends the connection, for everybody who signed in on it.
func (s *Shop) Close() error { return s.conn.Close() }

// SignIn is the same shop as this user. The token lives ten minutes; the refresh token gets the next.
func (s *Shop) SignIn(ctx context.Context, login, password string) (*Shop, *userv1.Tokens, error) {
	tokens, err := Call(ctx, s, s.Auth.SignIn, &userv1.SignInRequest{Login: login, Password: password})
	if err != nil {
		return nil, nil, err
	}
	return as(s.conn, tokens.GetAccessToken()), tokens, nil
}

// Method is a method of a generated client.
type Method[Q, A any] func(context.Context, Q, ...grpc.CallOption) (A, error)

// Call calls once: Call(ctx, shop, shop.Orders.GetOrder, &orderv1.GetOrderRequest{Id: id}).
func Call[Q, A any](ctx context.Context, s *Shop, method Method[Q, A], request Q) (A, error) {
	answer, _, err := CallOnce(ctx, s, method, request, "", Deadline)
	return answer, err
}

// CallOnce calls with an idempotency key and a deadline. It answers also whether this is the answer to an earlier call
// with this key.
func CallOnce[Q, A any](
	ctx context.Context, s *Shop, method Method[Q, A], request Q, key string, deadline time.Duration,
) (A, bool, error) {
	ctx, cancel := context.WithTimeout(s.authorized(ctx), deadline)
	defer cancel()
	if key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "idempotency-key", key)
	}
	var header metadata.MD
	answer, err := method(ctx, request, grpc.Header(&header))
	replayed := header.Get("idempotency-replayed")
	return answer, len(replayed) == 1 && replayed[0] == "true", err
}

// Safely calls, and calls again as long as the outcome is not known and the context lives: the idempotency key (made
// where it is empty) makes that harmless. It answers also whether this is the answer to an earlier call with this key.
func Safely[Q, A any](ctx context.Context, s *Shop, method Method[Q, A], request Q, key string) (A, bool, error) {
	if key == "" {
		key = rand.Text()
	}
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		answer, replayed, err := CallOnce(ctx, s, method, request, key, Deadline)
		problem := ProblemOf(err)
		if err == nil || !problem.Passes() {
			return answer, replayed, err
		}
		wait := problem.RetryAfter
		if wait == 0 {
			wait = pause/2 + mathrand.N(pause/2)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return answer, false, err
		}
	}
}

// Watch hands over an order's events as they happen, from the one after the given one; it ends after a final state,
// or with the error of see. It goes on where it was when the connection is lost.
func (s *Shop) Watch(ctx context.Context, id string, after int64, see func(*orderv1.OrderEvent) error) error {
	ctx, cancel := context.WithCancel(s.authorized(ctx))
	defer cancel()
	for {
		stream, err := s.Orders.WatchOrder(ctx, &orderv1.WatchOrderRequest{Id: id, AfterSequence: after})
		for err == nil {
			var event *orderv1.OrderEvent
			if event, err = stream.Recv(); err == nil {
				after = event.GetSequence()
				if err := see(event); err != nil {
					return err
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if status.Code(err) != codes.Unavailable {
			return err
		}
		time.Sleep(time.Second)
	}
}

func (s *Shop) authorized(ctx context.Context) context.Context {
	if s.token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+s.token)
}

// Euros is money, which is exact: whole units, and billionths of one.
func Euros(cents int64) *money.Money {
	return &money.Money{CurrencyCode: "EUR", Units: cents / 100, Nanos: int32(cents%100) * 10_000_000}
}

// Shown is money as people read it.
func Shown(m *money.Money) string {
	return fmt.Sprintf("%d.%02d %s", m.GetUnits(), m.GetNanos()/10_000_000, m.GetCurrencyCode())
}
