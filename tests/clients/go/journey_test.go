// The journey, on the client of clients/go: ../run puts this file into that module. It takes FEIRA_ADDRESS and
// FEIRA_ADMIN_PASSWORD.

// Covers: mesh.clients.

package journey

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	articlev1 "example.com/shopper/gen/feira/article/v1"
	orderv1 "example.com/shopper/gen/feira/order/v1"
	paymentv1 "example.com/shopper/gen/feira/payment/v1"
	userv1 "example.com/shopper/gen/feira/user/v1"
	"example.com/shopper/shop"
)

const patience = 20 * time.Second

// journey is what the steps know; each stands on those before it.
type journey struct {
	*testing.T
	anybody, grace, staff *shop.Shop
	lamp                  *articlev1.Article
	basket                *orderv1.Order
}

func TestJourney(t *testing.T) {
	anybody, err := shop.Connect(os.Getenv("FEIRA_ADDRESS"))
	if err != nil {
		t.Fatal(err)
	}
	defer anybody.Close()
	j := &journey{T: t, anybody: anybody}
	for _, step := range []struct {
		name string
		run  func(*journey) string
	}{
		{"reflection lists what is served", (*journey).reflect},
		{"she registers and signs in", (*journey).register},
		{"staff creates an article and receives stock", (*journey).create},
		{"what is wrong is told by its field", (*journey).wrong},
		{"she searches and fills her basket", (*journey).fill},
		{"she pays and watches it arrive", (*journey).pay},
		{"cancelled after payment the money comes back", (*journey).cancel},
		{"a shortage names what is short", (*journey).shortage},
		{"a stream ends at its deadline", (*journey).deadline},
		{"an answer that was lost is asked for again", (*journey).lost},
	} {
		if !t.Run(step.name, func(t *testing.T) {
			j.T = t
			fmt.Printf("%s ... ok: %s\n", step.name, step.run(j))
		}) {
			t.FailNow()
		}
	}
}

func (j *journey) reflect() string {
	ctx, cancel := context.WithTimeout(j.Context(), shop.Deadline)
	defer cancel()
	stream := must(grpc_reflection_v1.NewServerReflectionClient(j.anybody.Conn()).ServerReflectionInfo(ctx))(j)
	ask := &grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{},
	}
	if err := stream.Send(ask); err != nil {
		j.Fatal(err)
	}
	var names []string
	for _, service := range must(stream.Recv())(j).GetListServicesResponse().GetService() {
		names = append(names, service.GetName())
	}
	for _, name := range []string{"feira.order.v1.OrderService", "grpc.health.v1.Health"} {
		j.check(strings.Contains(strings.Join(names, " "), name), "%s is listed: %s", name, names)
	}
	return fmt.Sprintf("%d services", len(names))
}

func (j *journey) register() string {
	request := &userv1.CreateUserRequest{
		Username: "grace", Email: "grace@example.com", Password: "long enough 1", Address: address(),
	}
	made, first, err := shop.Safely(j.Context(), j.anybody, j.anybody.Users.CreateUser, request, "register-1")
	j.ok(err)
	again, second, err := shop.Safely(j.Context(), j.anybody, j.anybody.Users.CreateUser, request, "register-1")
	j.ok(err)
	j.same(again, made)
	j.check(!first && second, "only the second is replayed: %t %t", first, second)
	grace, tokens, err := j.anybody.SignIn(j.Context(), "GRACE@example.com", "long enough 1")
	j.ok(err)
	j.grace = grace
	j.same(tokens.GetUser(), made)
	j.same(call(j, grace, grace.Users.GetUser, &userv1.GetUserRequest{Id: "me"}), made)
	update := &userv1.UpdateUserRequest{
		User:       &userv1.User{Id: "me", FirstName: "Grace", LastName: "Hopper"},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"last_name"}},
	}
	changed := call(j, grace, grace.Users.UpdateUser, update)
	j.check(changed.GetFirstName() == "" && changed.GetLastName() == "Hopper", "only what the mask names: %s", changed)
	return "CreateUser twice → " + made.GetId()[:8] + "…, the second replayed"
}

func (j *journey) create() string {
	staff, _, err := j.anybody.SignIn(j.Context(), "admin", os.Getenv("FEIRA_ADMIN_PASSWORD"))
	j.ok(err)
	j.staff = staff
	request := &articlev1.CreateArticleRequest{Article: &articlev1.Article{
		Code: "LAMP", Name: "Candeeiro", Price: shop.Euros(3999), TaxRateBasisPoints: 2300, Active: true,
	}}
	j.lamp = call(j, staff, staff.Articles.CreateArticle, request)
	j.same(j.lamp.GetPrice(), shop.Euros(3999))
	received := &articlev1.AdjustStockRequest{
		ArticleId: j.lamp.GetId(), Delta: 10, Reason: articlev1.StockReason_STOCK_REASON_RECEIVED,
	}
	stock := call(j, staff, staff.Stock.AdjustStock, received)
	j.check(stock.GetFree() == 10, "ten are free: %s", stock)
	return fmt.Sprintf("CreateArticle, AdjustStock → %s, 10 free", shop.Shown(j.lamp.GetPrice()))
}

func (j *journey) wrong() string {
	_, err := shop.Call(j.Context(), j.grace, j.grace.Articles.CreateArticle,
		&articlev1.CreateArticleRequest{Article: j.lamp})
	j.refused(err, codes.PermissionDenied, "PERMISSION_DENIED")
	_, err = shop.Call(j.Context(), j.anybody, j.anybody.Users.GetUser, &userv1.GetUserRequest{Id: "me"})
	j.refused(err, codes.Unauthenticated, "UNAUTHENTICATED")
	_, err = shop.Call(j.Context(), j.grace, j.grace.Orders.AddLine,
		&orderv1.AddLineRequest{OrderId: "open", ArticleId: "x", Quantity: 0})
	problem := j.refused(err, codes.InvalidArgument, "VALIDATION")
	j.check(len(problem.Fields) == 2 && problem.Fields["article_id"] != "" && problem.Fields["quantity"] != "",
		"both fields are named: %v", problem)
	_, err = shop.Call(j.Context(), j.staff, j.staff.Articles.CreateArticle, &articlev1.CreateArticleRequest{
		Article: &articlev1.Article{Code: "LAMP", Name: "Another", Price: shop.Euros(1), Active: true},
	})
	exists := j.refused(err, codes.AlreadyExists, "ALREADY_EXISTS")
	j.check(exists.Metadata["field"] == "code", "the field is named: %v", exists)
	return fmt.Sprintf("AddLine of 0 → %s %v", problem.Code, problem.Fields)
}

func (j *journey) fill() string {
	inStock := true
	list := &articlev1.ListArticlesRequest{Query: "cand", InStock: &inStock}
	found := call(j, j.grace, j.grace.Articles.ListArticles, list).GetArticles()
	j.check(len(found) == 1 && found[0].GetId() == j.lamp.GetId(), "the lamp is found: %v", found)
	_, err := shop.Call(j.Context(), j.grace, j.grace.Orders.GetOpenOrder, &orderv1.GetOpenOrderRequest{})
	j.refused(err, codes.NotFound, "NOT_FOUND")
	j.basket = j.add(2)
	j.same(j.basket.GetTotal(), shop.Euros(2*3999))
	return "AddLine → " + shop.Shown(j.basket.GetTotal())
}

func (j *journey) pay() string {
	var seen []*orderv1.OrderEvent
	ctx, cancel := context.WithTimeout(j.Context(), patience)
	defer cancel()
	watched := make(chan error, 1)
	go func() {
		watched <- j.grace.Watch(ctx, j.basket.GetId(), 0, func(event *orderv1.OrderEvent) error {
			seen = append(seen, event)
			return nil
		})
	}()
	declined, _, err := shop.Safely(j.Context(), j.grace, j.grace.Orders.Checkout, &orderv1.CheckoutRequest{
		Id:            "open",
		Destination:   &orderv1.CheckoutRequest_Address{Address: address()},
		PaymentMethod: "sim_decline",
	}, "")
	j.ok(err)
	declined = j.until(declined.GetId(), func(it *orderv1.Order) bool { return it.GetPaymentFailure() != "" })
	j.check(declined.GetPaymentFailure() == "DECLINED", "it is declined: %s", declined)
	j.check(declined.GetState() == orderv1.OrderState_ORDER_STATE_AWAITING_PAYMENT, "it waits: %s", declined)
	request := &orderv1.CheckoutRequest{Id: declined.GetId(), PaymentMethod: "sim_approve"}
	paid, first, err := shop.Safely(j.Context(), j.grace, j.grace.Orders.Checkout, request, "pay-1")
	j.ok(err)
	again, second, err := shop.Safely(j.Context(), j.grace, j.grace.Orders.Checkout, request, "pay-1")
	j.ok(err)
	j.same(again, paid)
	j.check(!first && second, "only the second is replayed: %t %t", first, second)
	j.until(declined.GetId(), isPaid)
	call(j, j.staff, j.staff.Orders.ShipOrder, &orderv1.ShipOrderRequest{Id: declined.GetId(), Carrier: "CTT"})
	call(j, j.staff, j.staff.Orders.DeliverOrder, &orderv1.DeliverOrderRequest{Id: declined.GetId()})
	j.ok(<-watched)
	history := call(j, j.grace, j.grace.Orders.ListOrderEvents,
		&orderv1.ListOrderEventsRequest{OrderId: declined.GetId()}).GetEvents()
	j.check(len(seen) == len(history), "the stream is the history: %v", seen)
	var states []string
	for index, event := range seen {
		j.same(event, history[index])
		j.check(event.GetSequence() == int64(index+1), "without a gap: %v", seen)
		states = append(states, strings.TrimPrefix(event.GetState().String(), "ORDER_STATE_"))
	}
	j.check(states[len(states)-1] == "DELIVERED", "it ends when it is delivered: %v", states)
	return "Checkout declined, then approved; WatchOrder → " + strings.Join(states, " ")
}

func (j *journey) cancel() string {
	made, err := j.place("sim_approve", 1)
	j.ok(err)
	made = j.until(made.GetId(), isPaid)
	cancelled := call(j, j.grace, j.grace.Orders.CancelOrder,
		&orderv1.CancelOrderRequest{Id: made.GetId(), Reason: "too many"})
	j.check(cancelled.GetState() == orderv1.OrderState_ORDER_STATE_CANCELLED, "it is cancelled: %s", cancelled)
	j.wait("the money comes back", func() bool {
		payment := call(j, j.grace, j.grace.Payments.GetPayment, &paymentv1.GetPaymentRequest{Id: made.GetPaymentId()})
		return payment.GetState() == paymentv1.PaymentState_PAYMENT_STATE_REFUNDED
	})
	j.wait("the stock comes back", func() bool { return j.inStock() == "8 free, 0 reserved, 2 sold" })
	return "CancelOrder → CANCELLED, REFUNDED, " + j.inStock()
}

func (j *journey) shortage() string {
	_, err := j.place("sim_approve", 9)
	problem := j.refused(err, codes.FailedPrecondition, "OUT_OF_STOCK")
	j.check(problem.Metadata["article_id"] == j.lamp.GetId() && problem.Metadata["free"] == "8",
		"what is short is named: %v", problem)
	return fmt.Sprintf("CreateOrder of 9 → %s %s free=%s", problem.Code, problem.Reason, problem.Metadata["free"])
}

func (j *journey) deadline() string {
	open := j.add(1)
	ctx, cancel := context.WithTimeout(j.Context(), 500*time.Millisecond)
	defer cancel()
	seen := 0
	err := j.grace.Watch(ctx, open.GetId(), 0, func(event *orderv1.OrderEvent) error {
		seen++
		return nil
	})
	j.refused(err, codes.DeadlineExceeded, anyReason)
	j.check(seen == 1, "one event was seen before: %d", seen)
	return "WatchOrder for half a second → 1 event, DeadlineExceeded"
}

func (j *journey) lost() string {
	request := j.newOrder("sim_slow", 1)
	_, _, err := shop.CallOnce(j.Context(), j.grace, j.grace.Orders.CreateOrder, request, "lost-1", 300*time.Millisecond)
	j.refused(err, codes.DeadlineExceeded, anyReason)
	made, replayed, err := shop.Safely(j.Context(), j.grace, j.grace.Orders.CreateOrder, request, "lost-1")
	j.ok(err)
	j.check(replayed, "it is the answer to the call that was lost")
	j.until(made.GetId(), isPaid)
	payments := call(j, j.grace, j.grace.Payments.ListPayments, &paymentv1.ListPaymentsRequest{OrderId: made.GetId()})
	j.check(len(payments.GetPayments()) == 1 && j.inStock() == "7 free, 0 reserved, 3 sold", "placed and paid once")
	return "CreateOrder → DeadlineExceeded, then the same key → replayed, paid once"
}

func (j *journey) add(quantity int32) *orderv1.Order {
	return call(j, j.grace, j.grace.Orders.AddLine,
		&orderv1.AddLineRequest{OrderId: "open", ArticleId: j.lamp.GetId(), Quantity: quantity})
}

func (j *journey) newOrder(method string, quantity int32) *orderv1.CreateOrderRequest {
	return &orderv1.CreateOrderRequest{
		Lines:         []*orderv1.OrderLine{{ArticleId: j.lamp.GetId(), Quantity: quantity}},
		Destination:   &orderv1.CreateOrderRequest_Address{Address: address()},
		PaymentMethod: method,
	}
}

func (j *journey) place(method string, quantity int32) (*orderv1.Order, error) {
	return shop.Call(j.Context(), j.grace, j.grace.Orders.CreateOrder, j.newOrder(method, quantity))
}

func (j *journey) inStock() string {
	stock := call(j, j.staff, j.staff.Stock.GetStock, &articlev1.GetStockRequest{ArticleId: j.lamp.GetId()})
	return fmt.Sprintf("%d free, %d reserved, %d sold", stock.GetFree(), stock.GetReserved(), stock.GetSold())
}
