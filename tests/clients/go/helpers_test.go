package journey

import (
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	orderv1 "example.com/shopper/gen/feira/order/v1"
	userv1 "example.com/shopper/gen/feira/user/v1"
	"example.com/shopper/shop"
)

func address() *userv1.Address {
	return &userv1.Address{
		Recipient: "Grace Hopper", Lines: []string{"Rua do Ouro 2"}, PostalCode: "1100-061", City: "Lisboa",
		CountryCode: "PT",
	}
}

func isPaid(order *orderv1.Order) bool {
	return order.GetState() == orderv1.OrderState_ORDER_STATE_PAID
}

// call must succeed.
func call[Q, A any](j *journey, caller *shop.Shop, method shop.Method[Q, A], request Q) A {
	j.Helper()
	answer, err := shop.Call(j.Context(), caller, method, request)
	j.ok(err)
	return answer
}

func must[A any](answer A, err error) func(*journey) A {
	return func(j *journey) A {
		j.Helper()
		j.ok(err)
		return answer
	}
}

func (j *journey) ok(err error) {
	j.Helper()
	if err != nil {
		j.Fatal(err)
	}
}

func (j *journey) check(holds bool, format string, arguments ...any) {
	j.Helper()
	if !holds {
		j.Fatalf(format, arguments...)
	}
}

func (j *journey) same(left, right proto.Message) {
	j.Helper()
	j.check(proto.Equal(left, right), "the same is expected:\n%s\n%s", left, right)
}

// anyReason is that of a deadline: the client says none, the server, where it is quicker, DEADLINE_EXCEEDED.
const anyReason = "*"

// refused must be a refusal with this code and reason.
func (j *journey) refused(err error, code codes.Code, reason string) shop.Problem {
	j.Helper()
	problem := shop.ProblemOf(err)
	j.check(problem.Code == code && (problem.Reason == reason || reason == anyReason), "expected %s %s, got %v", code, reason, problem)
	return problem
}

func (j *journey) wait(what string, ask func() bool) {
	j.Helper()
	for end := time.Now().Add(patience); !ask(); time.Sleep(20 * time.Millisecond) {
		j.check(time.Now().Before(end), "waited in vain: %s", what)
	}
}

func (j *journey) until(id string, condition func(*orderv1.Order) bool) (order *orderv1.Order) {
	j.Helper()
	j.wait("the order gets there", func() bool {
		order = call(j, j.grace, j.grace.Orders.GetOrder, &orderv1.GetOrderRequest{Id: id})
		return condition(order)
	})
	return order
}
