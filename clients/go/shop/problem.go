package shop

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Problem is why a call was refused: the status, and what its details say.
type Problem struct {
	Code    codes.Code
	Message string
	// Reason is what a program decides by, such as OUT_OF_STOCK; Metadata is what belongs to it, such as article_id.
	Reason   string
	Metadata map[string]string
	// Fields are, of InvalidArgument, the bad fields by their paths (lines[0].quantity), and what is wrong with each.
	Fields map[string]string
	// RetryAfter is how long to wait before asking again, where the server knows.
	RetryAfter time.Duration
}

// ProblemOf reads an error of grpc; some, such as a deadline, have no details.
func ProblemOf(err error) Problem {
	refusal := status.Convert(err)
	problem := Problem{Code: refusal.Code(), Message: refusal.Message(), Fields: map[string]string{}}
	for _, detail := range refusal.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			problem.Reason, problem.Metadata = detail.GetReason(), detail.GetMetadata()
		case *errdetails.BadRequest:
			for _, bad := range detail.GetFieldViolations() {
				problem.Fields[bad.GetField()] = bad.GetDescription()
			}
		case *errdetails.RetryInfo:
			problem.RetryAfter = detail.GetRetryDelay().AsDuration()
		}
	}
	return problem
}

// Passes says whether the call may succeed if it is made again with its idempotency key.
func (p Problem) Passes() bool {
	return p.Code == codes.Unavailable || p.Code == codes.DeadlineExceeded || p.Reason == "IDEMPOTENCY_IN_PROGRESS"
}
