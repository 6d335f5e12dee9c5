//! Asks a server for its contract (gRPC Server Reflection v1; v1alpha, which says the same, where there is no v1).

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use prost::Message as _;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, Streaming, client::Grpc};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, ServerReflectionResponse, server_reflection_request::MessageRequest,
    server_reflection_response::MessageResponse,
};

use super::{
    ContractError,
    files::{Files, MOST_BYTES, well_known},
    is_of_contract,
};
use crate::call::{Outgoing, Raw};

/// How long it may take in all.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many services a server may have.
const MOST_SERVICES: usize = 1_000;
/// The versions, in the order in which they are tried. Their messages are the same.
const VERSIONS: [&str; 2] = ["v1", "v1alpha"];

/// All files of a server, and the names of its services.
pub async fn ask(conn: &kit::Conn) -> Result<(Files, BTreeSet<String>), ContractError> {
    let asking = async {
        for version in VERSIONS {
            match with(conn, version).await {
                Err(ContractError::NoReflection) => {}
                answered => return answered,
            }
        }
        Err(ContractError::NoReflection)
    };
    let late = |_| ContractError::Unreachable(format!("no answer within {} seconds", PATIENCE.as_secs()));
    timeout(PATIENCE, asking).await.map_err(late)?
}

async fn with(conn: &kit::Conn, version: &str) -> Result<(Files, BTreeSet<String>), ContractError> {
    let mut session = Session::open(conn, version).await?;
    let listed = match session.ask(MessageRequest::ListServices(String::new())).await? {
        MessageResponse::ListServicesResponse(list) => list.service,
        MessageResponse::ErrorResponse(error) => return Err(refused(error.error_code, error.error_message)),
        other => return Err(unexpected(&other)),
    };
    if listed.len() > MOST_SERVICES {
        return Err(ContractError::TooLarge { most: MOST_SERVICES, what: "services" });
    }
    let services: BTreeSet<_> =
        listed.into_iter().map(|service| service.name).filter(|name| is_of_contract(name)).collect();
    let mut files = Files::default();
    for service in &services {
        if !session.files(MessageRequest::FileContainingSymbol(service.clone()), &mut files).await? {
            return Err(ContractError::Malformed(format!("it lists {service} and does not know it")));
        }
    }
    // Some servers answer with a file and all that it imports, others with the file alone.
    while let Some((missing, by)) = files.missing() {
        let known = match session.files(MessageRequest::FileByFilename(missing.clone()), &mut files).await {
            // Some servers end the conversation by what others answer (tonic's do).
            Err(ContractError::Refused { code: Code::NotFound, .. }) => {
                session = Session::open(conn, version).await?;
                session.ask(MessageRequest::ListServices(String::new())).await?;
                false
            }
            answered => answered?,
        };
        if !known || files.missing().is_some_and(|(still, _)| still == missing) {
            files.add(well_known(&missing).ok_or(ContractError::Missing { file: missing, by })?)?;
        }
    }
    Ok((files, services))
}

/// A conversation: a question, its answer, the next question.
struct Session {
    questions: mpsc::Sender<Outgoing>,
    answers: Streaming<Bytes>,
    first: bool,
}

impl Session {
    async fn open(conn: &kit::Conn, version: &str) -> Result<Self, ContractError> {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let path = path.parse().map_err(|_| ContractError::NoReflection)?;
        let mut client = Grpc::new(conn.clone()).max_decoding_message_size(MOST_BYTES);
        client.ready().await.map_err(|status| failed(&status))?;
        let (questions, receive) = mpsc::channel(1);
        // Some servers say nothing, not even that they answer, before the first question.
        let first = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let _ = questions.try_send(Ok(first.encode_to_vec().into()));
        let request = Request::new(ReceiverStream::new(receive));
        let answers = client.streaming(request, path, Raw).await.map_err(|status| failed(&status))?;
        Ok(Self { questions, answers: answers.into_inner(), first: true })
    }

    async fn ask(&mut self, question: MessageRequest) -> Result<MessageResponse, ContractError> {
        // The first was asked by opening.
        if !std::mem::take(&mut self.first) {
            let request = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
            // Who does not listen any more has said why.
            let _ = self.questions.send(Ok(request.encode_to_vec().into())).await;
        }
        let answer = self.answers.message().await.map_err(|status| failed(&status))?;
        // As a server does that is told to stop.
        let answer =
            answer.ok_or_else(|| ContractError::Unreachable("it ends before its answer".to_owned()))?;
        let answer = ServerReflectionResponse::decode(answer)
            .map_err(|error| ContractError::Malformed(error.to_string()))?;
        answer.message_response.ok_or_else(|| ContractError::Malformed("an answer is empty".to_owned()))
    }

    /// Adds the files that answer a question; false where the server knows none.
    async fn files(&mut self, question: MessageRequest, files: &mut Files) -> Result<bool, ContractError> {
        match self.ask(question).await? {
            MessageResponse::FileDescriptorResponse(found) => {
                for file in found.file_descriptor_proto {
                    files.add(file.into())?;
                }
                Ok(true)
            }
            MessageResponse::ErrorResponse(error) if error.error_code == Code::NotFound as i32 => Ok(false),
            MessageResponse::ErrorResponse(error) => Err(refused(error.error_code, error.error_message)),
            other => Err(unexpected(&other)),
        }
    }
}

fn refused(code: i32, message: String) -> ContractError {
    ContractError::Refused { code: Code::from(code), message }
}

fn unexpected(answer: &MessageResponse) -> ContractError {
    let kind = match answer {
        MessageResponse::FileDescriptorResponse(_) => "files",
        MessageResponse::AllExtensionNumbersResponse(_) => "numbers of extensions",
        MessageResponse::ListServicesResponse(_) => "names of services",
        MessageResponse::ErrorResponse(_) => "an error",
    };
    ContractError::Malformed(format!("{kind}, which nobody asked for"))
}

/// What a status says of the server.
fn failed(status: &Status) -> ContractError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(status);
    let mut deepest = None;
    while let Some(error) = cause {
        deepest = Some(error.to_string());
        cause = error.source();
    }
    match (status.code(), deepest) {
        (Code::Unimplemented, _) => ContractError::NoReflection,
        // What came of the connection, not what the server says.
        (_, Some(deepest)) => ContractError::Unreachable(deepest),
        (Code::Unavailable, None) => ContractError::Unreachable(status.message().to_owned()),
        (Code::OutOfRange, None) => ContractError::TooLarge { most: MOST_BYTES, what: "bytes in one answer" },
        (code, None) => ContractError::Refused { code, message: status.message().to_owned() },
    }
}
