package shopper;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Why a call was refused: the status, and what its details say.
 *
 * @param reason what a program decides by, such as OUT_OF_STOCK
 * @param metadata what belongs to the reason, such as {@code article_id}
 * @param fields of INVALID_ARGUMENT, each bad field by its path ({@code lines[0].quantity}) and what is wrong with it
 * @param retryAfter how long to wait before asking again, where the server knows, else null
 */
public record Problem(
    Status.Code code,
    String message,
    String reason,
    Map<String, String> metadata,
    Map<String, String> fields,
    Duration retryAfter) {

  /** Reads an error of grpc; some, such as a deadline, have no details. */
  public static Problem of(StatusRuntimeException error) {
    var reason = "";
    Map<String, String> metadata = Map.of();
    var fields = new LinkedHashMap<String, String>();
    Duration retryAfter = null;
    try {
      // Never null: where there are no details it is made of code and message.
      for (Any detail : StatusProto.fromThrowable(error).getDetailsList()) {
        if (detail.is(ErrorInfo.class)) {
          var info = detail.unpack(ErrorInfo.class);
          reason = info.getReason();
          metadata = info.getMetadataMap();
        } else if (detail.is(BadRequest.class)) {
          for (var bad : detail.unpack(BadRequest.class).getFieldViolationsList()) {
            fields.put(bad.getField(), bad.getDescription());
          }
        } else if (detail.is(RetryInfo.class)) {
          var delay = detail.unpack(RetryInfo.class).getRetryDelay();
          retryAfter = Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
        }
      }
    } catch (InvalidProtocolBufferException broken) {
      // The code is what counts.
    }
    var status = error.getStatus();
    return new Problem(status.getCode(), status.getDescription(), reason, metadata, fields, retryAfter);
  }

  /** Whether the call may succeed if it is made again with its idempotency key. */
  public boolean passes() {
    return code == Status.Code.UNAVAILABLE
        || code == Status.Code.DEADLINE_EXCEEDED
        || reason.equals("IDEMPOTENCY_IN_PROGRESS");
  }
}
