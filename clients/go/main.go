// Registers, looks around, orders something, watches the order, and gives it back.
//
// Usage: go run . [HOST:PORT]
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	articlev1 "example.com/shopper/gen/feira/article/v1"
	orderv1 "example.com/shopper/gen/feira/order/v1"
	userv1 "example.com/shopper/gen/feira/user/v1"
	"example.com/shopper/shop"
)

func main() {
	address := "127.0.0.1:50051"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	if err := run(context.Background(), address); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, address string) error {
	anybody, err := shop.Connect(address)
	if err != nil {
		return err
	}
	defer anybody.Close()

	// Whatever changes something takes an idempotency key; Safely makes one and repeats the call if need be.
	name, password := "visitor-"+strings.ToLower(rand.Text()[:12]), rand.Text()
	register := &userv1.CreateUserRequest{Username: name, Email: name + "@example.com", Password: password}
	if _, _, err = shop.Safely(ctx, anybody, anybody.Users.CreateUser, register, ""); err != nil {
		return err
	}
	me, _, err := anybody.SignIn(ctx, name, password)
	if err != nil {
		return err
	}
	fmt.Println("signed in as", name)

	// Lists come in pages.
	inStock := true
	list := &articlev1.ListArticlesRequest{InStock: &inStock, OrderBy: "price", PageSize: 5}
	page, err := shop.Call(ctx, me, me.Articles.ListArticles, list)
	if err != nil {
		return err
	}
	if len(page.GetArticles()) == 0 {
		return fmt.Errorf("the shop has nothing in stock: `feira seed` fills it")
	}
	for _, it := range page.GetArticles() {
		fmt.Printf("  %-12s %14s  %s\n", it.GetCode(), shop.Shown(it.GetPrice()), it.GetName())
	}
	if page.GetNextPageToken() != "" {
		list.PageToken = page.GetNextPageToken()
		next, err := shop.Call(ctx, me, me.Articles.ListArticles, list)
		if err != nil {
			return err
		}
		fmt.Printf("  … and %d more on the next page\n", len(next.GetArticles()))
	}
	choice := page.GetArticles()[0]

	// An error says what is wrong in a form that programs can use.
	wanted := &orderv1.CreateOrderRequest{
		Lines: []*orderv1.OrderLine{{ArticleId: choice.GetId(), Quantity: 0}},
		Destination: &orderv1.CreateOrderRequest_Address{Address: &userv1.Address{
			Recipient: "Grace Hopper", Lines: []string{"Rua do Ouro 2"}, City: "Lisboa", CountryCode: "PT",
		}},
		PaymentMethod: "sim_approve",
	}
	if _, err = shop.Call(ctx, me, me.Orders.CreateOrder, wanted); err != nil {
		problem := shop.ProblemOf(err)
		fmt.Println("refused:", problem.Code, problem.Reason, problem.Fields)
	}

	// Places an order in one call. Should the answer be lost, Safely asks again: it is placed and paid once.
	wanted.Lines[0].Quantity = 1
	mine, _, err := shop.Safely(ctx, me, me.Orders.CreateOrder, wanted, "")
	if err != nil {
		return err
	}
	fmt.Printf("ordered %s for %s: %s\n", choice.GetName(), shop.Shown(mine.GetTotal()), mine.GetId())

	// Watches it. Nobody ships it in this example: once it is paid it goes back, and the stream ends by itself.
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return me.Watch(ctx, mine.GetId(), 0, func(event *orderv1.OrderEvent) error {
		fmt.Printf("  %d %s\n", event.GetSequence(), event.GetState())
		if event.GetState() != orderv1.OrderState_ORDER_STATE_PAID {
			return nil
		}
		cancel := &orderv1.CancelOrderRequest{Id: mine.GetId(), Reason: "only an example"}
		_, _, err := shop.Safely(ctx, me, me.Orders.CancelOrder, cancel, "")
		return err
	})
}
