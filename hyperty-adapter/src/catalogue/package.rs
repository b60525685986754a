//! Source packages: the code of an object, and how it is written (`sourcePackage.json`, `sourceCode.*`).

use super::integrity::md5_hex;
use super::kind::{Kind, MAX_NAME, is_name};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

/// Longest code of one object, in bytes. Bundles of the originals with their source maps are about five million.
pub const MAX_CODE: usize = 16 * 1024 * 1024;

/// Fields of a source package, in the order of the originals' model.
pub(super) const FIELDS: [&str; 5] = ["encoding", "sourceCodeClassname", "sourceCode", "signature", "md5"];

/// Why something is no source package, and what to do about it.
#[derive(Debug, Error)]
pub enum NoPackage {
    /// It is no JSON object of the right fields.
    #[error(
        "the source package is not a JSON object of encoding, sourceCodeClassname, sourceCode, signature and md5: {0}"
    )]
    Malformed(#[from] serde_json::Error),
    /// Its class is not called by a name.
    #[error(
        "`sourceCodeClassname` is {0:?}: use up to {MAX_NAME} letters, digits and . _ - @ + ~, not beginning with a dot"
    )]
    Class(String),
    /// There is no code in it, and no file.
    #[error("there is no code: put it into a file `sourceCode.js` (`.json` for schemas), or into `sourceCode`")]
    NoCode,
    /// It is longer than [`MAX_CODE`].
    #[error("the code is longer than {MAX_CODE} bytes: leave its source map out, or load parts of it from elsewhere")]
    TooLong,
    /// The code file is not UTF-8.
    #[error("the code is not UTF-8 text")]
    NotUtf8,
    /// It is written in a way that nobody knows.
    #[error("`encoding` is {0:?}: it is \"UTF-8\" or \"base64\"")]
    Encoding(String),
    /// It says that it is base64 and is not.
    #[error("`sourceCode` is not base64, which `encoding` says: {0}")]
    Base64(base64::DecodeError),
    /// Its digest is that of another code.
    #[error(
        "`md5` is {said}, but that of the code is {is}: the code was changed or cut; put it there again, or remove `md5`"
    )]
    Digest {
        /// What the package says.
        said: String,
        /// What is so.
        is: String,
    },
    /// The code of a data schema is none.
    #[error("the code of a data schema is a JSON schema, which is a JSON object: {0}")]
    Schema(String),
}

/// How `sourceCode` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Utf8,
    /// As base64, which clients decode byte by byte: only for code in ASCII.
    Base64,
}

impl Encoding {
    /// As packages have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Base64 => "base64",
        }
    }
}

/// The code of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// What the code calls itself.
    pub class: String,
    /// How it is written.
    pub encoding: Encoding,
    /// The code, written so.
    pub code: Bytes,
    /// MD5 of the code as it is written, in hexadecimal digits.
    pub md5: String,
    /// What its author or this domain says for it: [`super::Integrity`]. Empty without.
    pub signature: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    #[serde(default)]
    encoding: Option<String>,
    #[serde(default)]
    source_code_classname: String,
    #[serde(default)]
    source_code: Option<Value>,
    #[serde(default)]
    signature: Option<String>,
    #[serde(default)]
    md5: Option<String>,
}

impl Package {
    /// Reads one of its members, and the code that a file has. A file's code is served as it is, whatever `encoding` says: originals do
    /// so too, and then say what is not so.
    ///
    /// # Errors
    /// [`NoPackage`].
    pub fn parse(kind: Kind, members: Value, file: Option<Bytes>) -> Result<Self, NoPackage> {
        let members: Members = serde_json::from_value(members)?;
        if !is_name(&members.source_code_classname) {
            return Err(NoPackage::Class(members.source_code_classname));
        }
        let (encoding, code) = match (file, members.source_code) {
            (Some(code), _) => (Encoding::Utf8, code),
            (None, Some(Value::String(code))) => (encoding_of(members.encoding.as_deref())?, Bytes::from(code)),
            // Schemas are written as they are now and then.
            (None, Some(code @ Value::Object(_))) => (Encoding::Utf8, Bytes::from(code.to_string())),
            (None, _) => return Err(NoPackage::NoCode),
        };
        if code.len() > MAX_CODE {
            return Err(NoPackage::TooLong);
        }
        let text = std::str::from_utf8(&code).map_err(|_| NoPackage::NotUtf8)?;
        let plain = match encoding {
            Encoding::Base64 => STANDARD.decode(text.trim()).map_err(NoPackage::Base64)?,
            Encoding::Utf8 if kind == Kind::Schema => text.as_bytes().to_vec(),
            Encoding::Utf8 => Vec::new(),
        };
        if kind == Kind::Schema {
            let schema = serde_json::from_slice::<serde_json::Map<String, Value>>(&plain);
            schema.map_err(|why| NoPackage::Schema(why.to_string()))?;
        }
        let md5 = md5_hex(&code);
        if let Some(said) = members.md5.filter(|said| !said.is_empty() && !said.eq_ignore_ascii_case(&md5)) {
            return Err(NoPackage::Digest { said, is: md5 });
        }
        let signature = members.signature.unwrap_or_default();
        Ok(Self { class: members.source_code_classname, encoding, code, md5, signature })
    }

    /// The code as text.
    #[must_use]
    pub fn code_text(&self) -> &str {
        // It was read as UTF-8 when it was loaded.
        std::str::from_utf8(&self.code).unwrap_or_default()
    }

    /// One of its fields, of those that source packages have.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&str> {
        match field {
            "encoding" => Some(self.encoding.as_str()),
            "sourceCodeClassname" => Some(&self.class),
            "sourceCode" => Some(self.code_text()),
            "signature" => Some(&self.signature),
            "md5" => Some(&self.md5),
            _ => None,
        }
    }

    /// As clients get it.
    #[must_use]
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Served<'a> {
            encoding: &'a str,
            source_code_classname: &'a str,
            source_code: &'a str,
            signature: &'a str,
            md5: &'a str,
        }
        let served = Served {
            encoding: self.encoding.as_str(),
            source_code_classname: &self.class,
            source_code: self.code_text(),
            signature: &self.signature,
            md5: &self.md5,
        };
        // Texts can be written as JSON.
        serde_json::to_string(&served).unwrap_or_default()
    }
}

fn encoding_of(said: Option<&str>) -> Result<Encoding, NoPackage> {
    match said {
        None | Some("") => Ok(Encoding::Utf8),
        Some(text) if text.eq_ignore_ascii_case("utf-8") || text.eq_ignore_ascii_case("utf8") => Ok(Encoding::Utf8),
        Some(text) if text.eq_ignore_ascii_case("base64") => Ok(Encoding::Base64),
        Some(other) => Err(NoPackage::Encoding(other.to_owned())),
    }
}
