//! An S3-compatible bucket: addresses, keys, timeouts.

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use object_store::{
    BackoffConfig, CredentialProvider, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AwsCredential},
};

use crate::http::Connector;

/// An S3-compatible store. Addresses are path-style (`endpoint/bucket/key`), which every such store
/// understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3 {
    /// Address of the store. `None` means AWS. `http://` is accepted and not upgraded to HTTPS.
    pub endpoint: Option<String>,
    /// Region. `None` means `us-east-1`, which stores without regions expect.
    pub region: Option<String>,
    /// Folder with the files `access_key_id` and `secret_access_key`. The files are read for each
    /// request, so a Secret may be rotated.
    pub credentials_dir: PathBuf,
}

/// File names in the credentials folder.
const KEY_ID: &str = "access_key_id";
const SECRET: &str = "secret_access_key";

pub(crate) fn bucket(name: &str, settings: &S3) -> Result<Arc<dyn ObjectStore>, String> {
    let keys = Keys { dir: settings.credentials_dir.clone() };
    // A missing key is reported at start rather than at the first upload.
    keys.read().map_err(|error| error.to_string())?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(name)
        .with_region(settings.region.as_deref().unwrap_or("us-east-1"))
        .with_virtual_hosted_style_request(false)
        .with_credentials(Arc::new(keys))
        .with_http_connector(Connector)
        // One broken connection is retried at once. Longer outages are for the caller to handle.
        .with_retry(RetryConfig {
            max_retries: 1,
            retry_timeout: Duration::from_secs(40),
            backoff: BackoffConfig::default(),
        });
    if let Some(endpoint) = &settings.endpoint {
        let plain = endpoint.starts_with("http://");
        if !plain && !endpoint.starts_with("https://") {
            return Err(format!("the endpoint {endpoint:?} must start with https:// or http://"));
        }
        builder = builder.with_endpoint(endpoint.trim_end_matches('/')).with_allow_http(plain);
    }
    Ok(Arc::new(builder.build().map_err(|error| error.to_string())?))
}

/// Keys in a mounted Secret. They are never taken from the environment, which child processes
/// inherit and crash reports show.
#[derive(Debug)]
struct Keys {
    dir: PathBuf,
}

#[derive(Debug, thiserror::Error)]
#[error("the key file {} cannot be read: {source}", .path.display())]
struct KeyError {
    path: PathBuf,
    source: std::io::Error,
}

impl Keys {
    fn read(&self) -> Result<AwsCredential, KeyError> {
        let file = |name: &str| {
            let path = self.dir.join(name);
            std::fs::read_to_string(&path)
                .map(|text| text.trim().to_owned())
                .map_err(|source| KeyError { path, source })
        };
        Ok(AwsCredential { key_id: file(KEY_ID)?, secret_key: file(SECRET)?, token: None })
    }
}

#[async_trait]
impl CredentialProvider for Keys {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        // Two small files on a memory-backed volume.
        self.read()
            .map(Arc::new)
            .map_err(|error| object_store::Error::Generic { store: "S3", source: error.into() })
    }
}
