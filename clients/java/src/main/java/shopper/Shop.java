package shopper;

import com.google.type.Money;
import feira.article.v1.ArticleServiceGrpc;
import feira.article.v1.StockServiceGrpc;
import feira.order.v1.OrderEvent;
import feira.order.v1.OrderServiceGrpc;
import feira.order.v1.WatchOrderRequest;
import feira.payment.v1.PaymentServiceGrpc;
import feira.user.v1.AuthServiceGrpc;
import feira.user.v1.SignInRequest;
import feira.user.v1.Tokens;
import feira.user.v1.UserServiceGrpc;
import io.grpc.Context;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.AbstractBlockingStub;
import io.grpc.stub.MetadataUtils;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * A small client of Feira over gRPC: deadlines, tokens, errors with their details, safe retries, live orders. Every
 * service, as one caller. Copy it and make it yours; Maven makes the stubs that it stands on from the contracts.
 */
public final class Shop implements AutoCloseable {
  /** How long a call may take; a server never waits longer than its caller. */
  public static final Duration DEADLINE = Duration.ofSeconds(10);

  private static final Metadata.Key<String> AUTHORIZATION = key("authorization");
  private static final Metadata.Key<String> IDEMPOTENCY_KEY = key("idempotency-key");
  private static final Metadata.Key<String> REPLAYED = key("idempotency-replayed");

  public final UserServiceGrpc.UserServiceBlockingStub users;
  public final AuthServiceGrpc.AuthServiceBlockingStub auth;
  public final ArticleServiceGrpc.ArticleServiceBlockingStub articles;
  public final StockServiceGrpc.StockServiceBlockingStub stock;
  public final OrderServiceGrpc.OrderServiceBlockingStub orders;
  public final PaymentServiceGrpc.PaymentServiceBlockingStub payments;

  private final ManagedChannel channel;

  /** An answer, and whether it is the answer to an earlier call with the same idempotency key. */
  public record Answer<A>(A message, boolean replayed) {}

  private Shop(ManagedChannel channel, Metadata identity) {
    this.channel = channel;
    var attach = MetadataUtils.newAttachHeadersInterceptor(identity);
    users = UserServiceGrpc.newBlockingStub(channel).withInterceptors(attach);
    auth = AuthServiceGrpc.newBlockingStub(channel).withInterceptors(attach);
    articles = ArticleServiceGrpc.newBlockingStub(channel).withInterceptors(attach);
    stock = StockServiceGrpc.newBlockingStub(channel).withInterceptors(attach);
    orders = OrderServiceGrpc.newBlockingStub(channel).withInterceptors(attach);
    payments = PaymentServiceGrpc.newBlockingStub(channel).withInterceptors(attach);
  }

  /** The shop at HOST:PORT, as anybody. Beyond your own machine use TlsChannelCredentials. */
  public static Shop connect(String address) {
    var channel = Grpc.newChannelBuilder(address, InsecureChannelCredentials.create()).build();
    return new Shop(channel, new Metadata());
  }

  /** Signs in. The token lives ten minutes; the refresh token gets the next. */
  public Tokens signIn(String login, String password) {
    var request = SignInRequest.newBuilder().setLogin(login).setPassword(password).build();
    return call(auth, it -> it.signIn(request));
  }

  /** The same shop as the user of these tokens. */
  public Shop as(Tokens tokens) {
    var identity = new Metadata();
    identity.put(AUTHORIZATION, "Bearer " + tokens.getAccessToken());
    return new Shop(channel, identity);
  }

  /** Calls once: {@code shop.call(shop.orders, it -> it.getOrder(request))}. */
  public <S extends AbstractBlockingStub<S>, A> A call(S stub, Function<S, A> method) {
    return method.apply(stub.withDeadlineAfter(DEADLINE.toMillis(), TimeUnit.MILLISECONDS));
  }

  /** Calls once, with an idempotency key and a deadline. */
  public <S extends AbstractBlockingStub<S>, A> Answer<A> call(
      S stub, String key, Duration deadline, Function<S, A> method) {
    var keyed = new Metadata();
    keyed.put(IDEMPOTENCY_KEY, key);
    var headers = new AtomicReference<Metadata>();
    var trailers = new AtomicReference<Metadata>();
    var message =
        method.apply(
            stub.withDeadlineAfter(deadline.toMillis(), TimeUnit.MILLISECONDS)
                .withInterceptors(
                    MetadataUtils.newAttachHeadersInterceptor(keyed),
                    MetadataUtils.newCaptureMetadataInterceptor(headers, trailers)));
    return new Answer<>(message, "true".equals(headers.get().get(REPLAYED)));
  }

  /** Calls safely with a new idempotency key. */
  public <S extends AbstractBlockingStub<S>, A> A safely(S stub, Function<S, A> method) {
    return safely(stub, UUID.randomUUID().toString(), method).message();
  }

  /**
   * Calls, and calls again for up to a minute as long as the outcome is not known: the idempotency key makes that
   * harmless.
   */
  public <S extends AbstractBlockingStub<S>, A> Answer<A> safely(S stub, String key, Function<S, A> method) {
    var end = Instant.now().plusSeconds(60);
    for (var pause = Duration.ofMillis(200); ; pause = pause.multipliedBy(2)) {
      try {
        return call(stub, key, DEADLINE, method);
      } catch (StatusRuntimeException error) {
        var problem = Problem.of(error);
        var millis = Math.min(pause.toMillis(), 5_000);
        var wait =
            problem.retryAfter() != null
                ? problem.retryAfter()
                : Duration.ofMillis(ThreadLocalRandom.current().nextLong(millis / 2, millis));
        if (!problem.passes() || Instant.now().plus(wait).isAfter(end)) {
          throw error;
        }
        sleep(wait);
      }
    }
  }

  /**
   * Hands over an order's events as they happen, from the one after the given one, for at most this time; ends after a
   * final state. Goes on where it was when the connection is lost.
   */
  public void watch(String id, long after, Duration deadline, Consumer<OrderEvent> see) {
    var end = Instant.now().plus(deadline);
    // Closing it tells the server that nobody reads on, where `see` throws.
    try (var context = Context.current().withCancellation()) {
      context.run(() -> watch(id, after, end, see));
    }
  }

  private void watch(String id, long after, Instant end, Consumer<OrderEvent> see) {
    var seen = after;
    while (true) {
      var request = WatchOrderRequest.newBuilder().setId(id).setAfterSequence(seen).build();
      var left = Duration.between(Instant.now(), end).toMillis();
      try {
        var events = orders.withDeadlineAfter(left, TimeUnit.MILLISECONDS).watchOrder(request);
        while (events.hasNext()) {
          var event = events.next();
          seen = event.getSequence();
          see.accept(event);
        }
        return;
      } catch (StatusRuntimeException error) {
        if (error.getStatus().getCode() != Status.Code.UNAVAILABLE) {
          throw error;
        }
        sleep(Duration.ofSeconds(1));
      }
    }
  }

  /** Ends the connection, for everybody who signed in on it. */
  @Override
  public void close() {
    channel.shutdownNow();
  }

  /** Money is exact: whole units, and billionths of one. */
  public static Money euros(long cents) {
    var nanos = (int) (cents % 100) * 10_000_000;
    return Money.newBuilder().setCurrencyCode("EUR").setUnits(cents / 100).setNanos(nanos).build();
  }

  /** Money as people read it. */
  public static String shown(Money money) {
    return "%d.%02d %s".formatted(money.getUnits(), money.getNanos() / 10_000_000, money.getCurrencyCode());
  }

  private static Metadata.Key<String> key(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }

  private static void sleep(Duration time) {
    try {
      Thread.sleep(time.toMillis());
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw Status.CANCELLED.withCause(interrupted).asRuntimeException();
    }
  }
}
