//! Bodies of requests, as they come in.

use actix_web::http::header;
use actix_web::{HttpRequest, web};
use futures::StreamExt;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use super::Gateway;
use crate::error::{Error, Kind, Result};

/// Bytes taken for a body before any of it has come.
const FIRST_ROOM: usize = 64 << 10;

/// Reads a body within the limits of one and of all that are in flight; the room is given back with the permit.
pub async fn read(
    gateway: &Gateway,
    request: &HttpRequest,
    mut payload: web::Payload,
) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>)> {
    let most = gateway.engine.config().server.max_body;
    let too_large = || {
        Error::new(
            Kind::TooLarge,
            format!("The body is larger than {most} bytes: send less at a time"),
        )
    };
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let mut body = Vec::with_capacity(announced.unwrap_or(0).min(FIRST_ROOM));
    let mut room: Option<OwnedSemaphorePermit> = None;
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| Error::invalid(format!("The body breaks off: {error}")))?;
        if body.len() + chunk.len() > most {
            return Err(too_large());
        }
        let bytes = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        let more = gateway.room.clone().try_acquire_many_owned(bytes).map_err(|_| {
            Error::new(
                Kind::TooMany,
                "Too many uploads are under way: please retry again later.",
            )
            .retry_after(std::time::Duration::from_secs(1))
        })?;
        match &mut room {
            Some(room) => room.merge(more),
            None => room = Some(more),
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body, room))
}

/// A body as JSON. Error: it is none, or not of the shape that is wanted.
pub fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| Error::invalid(format!("Invalid Data Format: {error}")))
}

/// The same of a body that may be left away.
pub fn json_or_default<T: Default + DeserializeOwned>(body: &[u8]) -> Result<T> {
    match body.is_empty() {
        true => Ok(T::default()),
        false => json(body),
    }
}
