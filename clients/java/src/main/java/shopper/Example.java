package shopper;

import feira.article.v1.ListArticlesRequest;
import feira.order.v1.CancelOrderRequest;
import feira.order.v1.CreateOrderRequest;
import feira.order.v1.OrderLine;
import feira.order.v1.OrderState;
import feira.user.v1.Address;
import feira.user.v1.CreateUserRequest;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.UUID;

/**
 * Registers, looks around, orders something, watches the order, and gives it back.
 *
 * <p>Usage: {@code mvn compile exec:java -Dexec.args=HOST:PORT}
 */
public final class Example {
  public static void main(String[] arguments) {
    try (var anybody = Shop.connect(arguments.length > 0 ? arguments[0] : "127.0.0.1:50051")) {
      // Whatever changes something takes an idempotency key; `safely` makes one and repeats the call if need be.
      var name = "visitor-" + UUID.randomUUID().toString().substring(0, 8);
      var password = UUID.randomUUID().toString();
      var register =
          CreateUserRequest.newBuilder().setUsername(name).setEmail(name + "@example.com").setPassword(password);
      anybody.safely(anybody.users, it -> it.createUser(register.build()));
      var me = anybody.as(anybody.signIn(name, password));
      System.out.println("signed in as " + name);

      // Lists come in pages.
      var list = ListArticlesRequest.newBuilder().setInStock(true).setOrderBy("price").setPageSize(5);
      var page = me.call(me.articles, it -> it.listArticles(list.build()));
      if (page.getArticlesCount() == 0) {
        System.err.println("the shop has nothing in stock: `feira seed` fills it");
        System.exit(1);
      }
      for (var it : page.getArticlesList()) {
        System.out.printf("  %-12s %14s  %s%n", it.getCode(), Shop.shown(it.getPrice()), it.getName());
      }
      if (!page.getNextPageToken().isEmpty()) {
        list.setPageToken(page.getNextPageToken());
        var next = me.call(me.articles, it -> it.listArticles(list.build()));
        System.out.printf("  … and %d more on the next page%n", next.getArticlesCount());
      }
      var choice = page.getArticles(0);

      // An error says what is wrong in a form that programs can use.
      var wanted =
          CreateOrderRequest.newBuilder()
              .addLines(OrderLine.newBuilder().setArticleId(choice.getId()).setQuantity(0))
              .setAddress(
                  Address.newBuilder()
                      .setRecipient("Grace Hopper")
                      .addLines("Rua do Ouro 2")
                      .setCity("Lisboa")
                      .setCountryCode("PT"))
              .setPaymentMethod("sim_approve");
      try {
        me.call(me.orders, it -> it.createOrder(wanted.build()));
      } catch (StatusRuntimeException error) {
        var problem = Problem.of(error);
        System.out.printf("refused: %s %s %s%n", problem.code(), problem.reason(), problem.fields());
      }

      // Places an order in one call. Should the answer be lost, `safely` asks again: it is placed and paid once.
      wanted.getLinesBuilder(0).setQuantity(1);
      var mine = me.safely(me.orders, it -> it.createOrder(wanted.build()));
      System.out.printf("ordered %s for %s: %s%n", choice.getName(), Shop.shown(mine.getTotal()), mine.getId());

      // Watches it. Nobody ships it in this example: once it is paid it goes back, and the stream ends by itself.
      me.watch(
          mine.getId(),
          0,
          Duration.ofMinutes(1),
          event -> {
            System.out.printf("  %d %s%n", event.getSequence(), event.getState());
            if (event.getState() == OrderState.ORDER_STATE_PAID) {
              var cancel = CancelOrderRequest.newBuilder().setId(mine.getId()).setReason("only an example");
              me.safely(me.orders, it -> it.cancelOrder(cancel.build()));
            }
          });
    }
  }
}
