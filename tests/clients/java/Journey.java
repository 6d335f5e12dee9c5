package shopper;

import static shopper.Shop.euros;
import static shopper.Shop.shown;

import com.google.protobuf.FieldMask;
import feira.article.v1.AdjustStockRequest;
import feira.article.v1.Article;
import feira.article.v1.CreateArticleRequest;
import feira.article.v1.GetStockRequest;
import feira.article.v1.ListArticlesRequest;
import feira.article.v1.StockReason;
import feira.order.v1.AddLineRequest;
import feira.order.v1.CancelOrderRequest;
import feira.order.v1.CheckoutRequest;
import feira.order.v1.CreateOrderRequest;
import feira.order.v1.DeliverOrderRequest;
import feira.order.v1.GetOpenOrderRequest;
import feira.order.v1.GetOrderRequest;
import feira.order.v1.ListOrderEventsRequest;
import feira.order.v1.Order;
import feira.order.v1.OrderEvent;
import feira.order.v1.OrderLine;
import feira.order.v1.OrderState;
import feira.order.v1.ShipOrderRequest;
import feira.payment.v1.GetPaymentRequest;
import feira.payment.v1.ListPaymentsRequest;
import feira.payment.v1.PaymentState;
import feira.user.v1.Address;
import feira.user.v1.CreateUserRequest;
import feira.user.v1.GetUserRequest;
import feira.user.v1.UpdateUserRequest;
import feira.user.v1.User;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * The journey, on the client of clients/java: ../run puts this file beside Shop.java. Takes HOST:PORT, and the
 * administrator's password from FEIRA_ADMIN_PASSWORD.
 */
// Covers: mesh.clients.
public final class Journey {
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final Address ADDRESS =
      Address.newBuilder()
          .setRecipient("Grace Hopper")
          .addLines("Rua do Ouro 2")
          .setPostalCode("1100-061")
          .setCity("Lisboa")
          .setCountryCode("PT")
          .build();

  private final Shop anybody;
  private Shop grace;
  private Shop staff;
  private Article lamp;
  private Order basket;

  private Journey(Shop anybody) {
    this.anybody = anybody;
  }

  /** A step returns what is worth telling. */
  private interface Step {
    String run() throws Exception;
  }

  /** Each stands on those before it. */
  private Map<String, Step> steps() {
    var steps = new LinkedHashMap<String, Step>();
    steps.put("she registers and signs in", this::register);
    steps.put("staff creates an article and receives stock", this::create);
    steps.put("what is wrong is told by its field", this::wrong);
    steps.put("she searches and fills her basket", this::fill);
    steps.put("she pays and watches it arrive", this::pay);
    steps.put("cancelled after payment the money comes back", this::cancel);
    steps.put("a shortage names what is short", this::shortage);
    steps.put("a stream ends at its deadline", this::deadline);
    steps.put("an answer that was lost is asked for again", this::lost);
    return steps;
  }

  private String register() {
    var request =
        CreateUserRequest.newBuilder()
            .setUsername("grace")
            .setEmail("grace@example.com")
            .setPassword("long enough 1")
            .setAddress(ADDRESS)
            .build();
    var first = anybody.safely(anybody.users, "register-1", it -> it.createUser(request));
    var second = anybody.safely(anybody.users, "register-1", it -> it.createUser(request));
    var made = first.message();
    same(second.message(), made);
    check(!first.replayed() && second.replayed(), "only the second is replayed");
    var tokens = anybody.signIn("GRACE@example.com", "long enough 1");
    same(tokens.getUser(), made);
    grace = anybody.as(tokens);
    same(grace.call(grace.users, it -> it.getUser(GetUserRequest.newBuilder().setId("me").build())), made);
    var update =
        UpdateUserRequest.newBuilder()
            .setUser(User.newBuilder().setId("me").setFirstName("Grace").setLastName("Hopper"))
            .setUpdateMask(FieldMask.newBuilder().addPaths("last_name"))
            .build();
    var changed = grace.call(grace.users, it -> it.updateUser(update));
    same(List.of(changed.getFirstName(), changed.getLastName()), List.of("", "Hopper"));
    return "CreateUser twice → " + made.getId().substring(0, 8) + "…, the second replayed";
  }

  private String create() {
    staff = anybody.as(anybody.signIn("admin", System.getenv("FEIRA_ADMIN_PASSWORD")));
    var article =
        Article.newBuilder()
            .setCode("LAMP")
            .setName("Candeeiro")
            .setPrice(euros(3999))
            .setTaxRateBasisPoints(2300)
            .setActive(true);
    lamp = createArticle(staff, article);
    same(lamp.getPrice(), euros(3999));
    var received =
        AdjustStockRequest.newBuilder()
            .setArticleId(lamp.getId())
            .setDelta(10)
            .setReason(StockReason.STOCK_REASON_RECEIVED)
            .build();
    same(staff.call(staff.stock, it -> it.adjustStock(received)).getFree(), 10L);
    return "CreateArticle, AdjustStock → " + shown(lamp.getPrice()) + ", 10 free";
  }

  private String wrong() {
    refused(Status.Code.PERMISSION_DENIED, "PERMISSION_DENIED", () -> createArticle(grace, lamp.toBuilder()));
    var me = GetUserRequest.newBuilder().setId("me").build();
    refused(
        Status.Code.UNAUTHENTICATED,
        "UNAUTHENTICATED",
        () -> anybody.call(anybody.users, it -> it.getUser(me)));
    var line = AddLineRequest.newBuilder().setOrderId("open").setArticleId("x").build();
    var wrong =
        refused(
            Status.Code.INVALID_ARGUMENT, "VALIDATION", () -> grace.call(grace.orders, it -> it.addLine(line)));
    same(List.copyOf(wrong.fields().keySet()), List.of("article_id", "quantity"));
    var copy = Article.newBuilder().setCode("LAMP").setName("Another").setPrice(euros(1)).setActive(true);
    var exists = refused(Status.Code.ALREADY_EXISTS, "ALREADY_EXISTS", () -> createArticle(staff, copy));
    same(exists.metadata().get("field"), "code");
    return "AddLine of 0 → " + wrong.code() + " " + wrong.fields();
  }

  private String fill() {
    var search = ListArticlesRequest.newBuilder().setQuery("cand").setInStock(true).build();
    var found = grace.call(grace.articles, it -> it.listArticles(search)).getArticlesList();
    same(found.stream().map(Article::getId).toList(), List.of(lamp.getId()));
    var open = GetOpenOrderRequest.getDefaultInstance();
    refused(Status.Code.NOT_FOUND, "NOT_FOUND", () -> grace.call(grace.orders, it -> it.getOpenOrder(open)));
    basket = add(2);
    same(basket.getTotal(), euros(2 * 3999));
    return "AddLine → " + shown(basket.getTotal());
  }

  private String pay() throws Exception {
    var seen = new ArrayList<OrderEvent>();
    var watching = CompletableFuture.runAsync(() -> grace.watch(basket.getId(), 0, PATIENCE, seen::add));
    var wanted =
        CheckoutRequest.newBuilder().setId("open").setAddress(ADDRESS).setPaymentMethod("sim_decline").build();
    var id = grace.safely(grace.orders, it -> it.checkout(wanted)).getId();
    var declined = until(id, it -> !it.getPaymentFailure().isEmpty());
    same(declined.getPaymentFailure(), "DECLINED");
    same(declined.getState(), OrderState.ORDER_STATE_AWAITING_PAYMENT);
    var again = CheckoutRequest.newBuilder().setId(id).setPaymentMethod("sim_approve").build();
    var first = grace.safely(grace.orders, "pay-1", it -> it.checkout(again));
    var second = grace.safely(grace.orders, "pay-1", it -> it.checkout(again));
    same(second.message(), first.message());
    check(!first.replayed() && second.replayed(), "only the second is replayed");
    until(id, Journey::isPaid);
    var ship = ShipOrderRequest.newBuilder().setId(id).setCarrier("CTT").build();
    staff.call(staff.orders, it -> it.shipOrder(ship));
    staff.call(staff.orders, it -> it.deliverOrder(DeliverOrderRequest.newBuilder().setId(id).build()));
    watching.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    var history = ListOrderEventsRequest.newBuilder().setOrderId(id).build();
    same(seen, grace.call(grace.orders, it -> it.listOrderEvents(history)).getEventsList());
    for (var index = 0; index < seen.size(); index++) {
      same(seen.get(index).getSequence(), index + 1L);
    }
    same(seen.get(seen.size() - 1).getState(), OrderState.ORDER_STATE_DELIVERED);
    var states = seen.stream().map(it -> it.getState().name().replace("ORDER_STATE_", ""));
    return "Checkout declined, then approved; WatchOrder → " + states.collect(Collectors.joining(" "));
  }

  private String cancel() {
    var made = until(place("sim_approve", 1).getId(), Journey::isPaid);
    var cancel = CancelOrderRequest.newBuilder().setId(made.getId()).setReason("too many").build();
    same(grace.call(grace.orders, it -> it.cancelOrder(cancel)).getState(), OrderState.ORDER_STATE_CANCELLED);
    var payment = GetPaymentRequest.newBuilder().setId(made.getPaymentId()).build();
    await(
        "the money comes back",
        () ->
            grace.call(grace.payments, it -> it.getPayment(payment)).getState()
                == PaymentState.PAYMENT_STATE_REFUNDED);
    await("the stock comes back", () -> inStock().equals("8 free, 0 reserved, 2 sold"));
    return "CancelOrder → CANCELLED, REFUNDED, " + inStock();
  }

  private String shortage() {
    var problem = refused(Status.Code.FAILED_PRECONDITION, "OUT_OF_STOCK", () -> place("sim_approve", 9));
    same(problem.metadata().get("article_id"), lamp.getId());
    same(problem.metadata().get("free"), "8");
    return "CreateOrder of 9 → " + problem.code() + " " + problem.reason() + " free=8";
  }

  private String deadline() {
    var open = add(1);
    var seen = new ArrayList<OrderEvent>();
    refused(
        Status.Code.DEADLINE_EXCEEDED,
        null,
        () -> grace.watch(open.getId(), 0, Duration.ofMillis(500), seen::add));
    same(seen.size(), 1);
    return "WatchOrder for half a second → 1 event, DEADLINE_EXCEEDED";
  }

  private String lost() {
    var request = newOrder("sim_slow", 1);
    refused(
        Status.Code.DEADLINE_EXCEEDED,
        null,
        () -> grace.call(grace.orders, "lost-1", Duration.ofMillis(300), it -> it.createOrder(request)));
    var made = grace.safely(grace.orders, "lost-1", it -> it.createOrder(request));
    check(made.replayed(), "it is the answer to the call that was lost");
    until(made.message().getId(), Journey::isPaid);
    var list = ListPaymentsRequest.newBuilder().setOrderId(made.message().getId()).build();
    same(grace.call(grace.payments, it -> it.listPayments(list)).getPaymentsCount(), 1);
    same(inStock(), "7 free, 0 reserved, 3 sold");
    return "CreateOrder → DEADLINE_EXCEEDED, then the same key → replayed, paid once";
  }

  private static Article createArticle(Shop caller, Article.Builder article) {
    var request = CreateArticleRequest.newBuilder().setArticle(article).build();
    return caller.call(caller.articles, it -> it.createArticle(request));
  }

  private Order add(int quantity) {
    var line =
        AddLineRequest.newBuilder().setOrderId("open").setArticleId(lamp.getId()).setQuantity(quantity).build();
    return grace.call(grace.orders, it -> it.addLine(line));
  }

  private CreateOrderRequest newOrder(String method, int quantity) {
    return CreateOrderRequest.newBuilder()
        .addLines(OrderLine.newBuilder().setArticleId(lamp.getId()).setQuantity(quantity))
        .setAddress(ADDRESS)
        .setPaymentMethod(method)
        .build();
  }

  private Order place(String method, int quantity) {
    return grace.call(grace.orders, it -> it.createOrder(newOrder(method, quantity)));
  }

  private String inStock() {
    var request = GetStockRequest.newBuilder().setArticleId(lamp.getId()).build();
    var stock = staff.call(staff.stock, it -> it.getStock(request));
    return "%d free, %d reserved, %d sold".formatted(stock.getFree(), stock.getReserved(), stock.getSold());
  }

  private static boolean isPaid(Order order) {
    return order.getState() == OrderState.ORDER_STATE_PAID;
  }

  private Order until(String id, Predicate<Order> condition) {
    var request = GetOrderRequest.newBuilder().setId(id).build();
    var found = new Order[1];
    await(
        "the order gets there",
        () -> condition.test(found[0] = grace.call(grace.orders, it -> it.getOrder(request))));
    return found[0];
  }

  private static void await(String what, BooleanSupplier ask) {
    for (var end = Instant.now().plus(PATIENCE); !ask.getAsBoolean(); ) {
      check(Instant.now().isBefore(end), "waited in vain: " + what);
      try {
        Thread.sleep(20);
      } catch (InterruptedException interrupted) {
        throw new AssertionError(interrupted);
      }
    }
  }

  /** The call must fail with this code and reason (where that is told); what its details say. */
  private static Problem refused(Status.Code code, String reason, Runnable call) {
    try {
      call.run();
    } catch (StatusRuntimeException error) {
      var problem = Problem.of(error);
      same(problem.code(), code);
      check(reason == null || reason.equals(problem.reason()), reason + " is expected: " + problem);
      return problem;
    }
    throw new AssertionError("it must be refused with " + code + " " + reason);
  }

  private static void check(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }

  private static void same(Object left, Object right) {
    check(Objects.equals(left, right), "the same is expected: " + left + " and " + right);
  }

  public static void main(String[] arguments) {
    var passed = 0;
    var failed = 0;
    try (var anybody = Shop.connect(arguments[0])) {
      for (var step : new Journey(anybody).steps().entrySet()) {
        try {
          System.out.println(step.getKey() + " ... ok: " + step.getValue().run());
          passed++;
        } catch (Exception | AssertionError error) {
          System.out.println(step.getKey() + " ... FAILED");
          error.printStackTrace();
          failed++;
          break;
        }
      }
    }
    System.out.println(passed + " passed, " + failed + " failed");
    System.exit(failed);
  }
}
