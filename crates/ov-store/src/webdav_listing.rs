//! What a WebDAV server tells of a folder (RFC 4918 section 14.16, `multistatus`).

use std::time::SystemTime;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// One thing in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// The last part of its path, decoded.
    pub leaf: String,
    pub is_folder: bool,
    pub length: Option<u64>,
    pub modified: Option<SystemTime>,
}

#[derive(Deserialize)]
struct Multistatus {
    #[serde(default, rename = "response")]
    responses: Vec<Response>,
}

#[derive(Deserialize)]
struct Response {
    href: String,
    #[serde(default, rename = "propstat")]
    found: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    status: String,
    prop: Properties,
}

#[derive(Deserialize)]
struct Properties {
    getcontentlength: Option<String>,
    getlastmodified: Option<String>,
    resourcetype: Option<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    collection: Option<IgnoredAny>,
}

/// Reads an answer to PROPFIND with depth 1. The folder itself is among its members for the
/// server; `folder` is its path, decoded, and leaves it out.
pub(crate) fn members(xml: &str, folder: &str) -> Result<Vec<Member>, quick_xml::DeError> {
    let told: Multistatus = quick_xml::de::from_str(xml)?;
    let folder = folder.trim_matches('/');
    Ok(told
        .responses
        .iter()
        .filter_map(|response| member(response, folder))
        .collect())
}

/// `None` for the folder itself, and for what is not directly in it.
fn member(response: &Response, folder: &str) -> Option<Member> {
    let path = path_of(&response.href);
    let path = crate::url::percent_decoded(path)?;
    let path = String::from_utf8(path).ok()?;
    let leaf = path.trim_matches('/').strip_prefix(folder)?;
    let leaf = leaf.trim_matches('/');
    if leaf.is_empty() || leaf.contains('/') {
        return None;
    }
    let known = |found: &&Found| found.status.is_empty() || found.status.contains(" 200");
    let found = response.found.iter().find(known)?;
    let properties = &found.prop;
    let kind = properties.resourcetype.as_ref();
    Some(Member {
        leaf: leaf.to_owned(),
        is_folder: kind.is_some_and(|kind| kind.collection.is_some()),
        length: properties
            .getcontentlength
            .as_deref()
            .and_then(|length| length.trim().parse().ok()),
        modified: properties.getlastmodified.as_deref().and_then(date),
    })
}

/// Servers give a whole URL or only its path.
fn path_of(href: &str) -> &str {
    let href = href.trim();
    match href.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
        None => href,
    }
}

/// RFC 9110 section 5.6.7.
fn date(text: &str) -> Option<SystemTime> {
    let zoned = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
    Some(zoned.timestamp().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<D:multistatus xmlns:D="DAV:">
 <D:response><D:href>/v/pack/</D:href><D:propstat><D:prop>
  <D:resourcetype><D:collection/></D:resourcetype></D:prop>
  <D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
 <D:response><D:href>http://h:1/v/pack/a%20b</D:href><D:propstat><D:prop>
  <D:getcontentlength>7</D:getcontentlength>
  <D:getlastmodified>Thu, 01 Jan 2026 00:00:00 GMT</D:getlastmodified>
  <D:resourcetype/></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
 <D:response><D:href>/v/pack/ab/</D:href><D:propstat><D:prop>
  <D:getcontentlength/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>
  <D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype></D:prop>
  <D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
</D:multistatus>"#;

    #[test]
    fn files_and_folders_are_told_apart_and_the_folder_itself_left_out() {
        let members = members(TOLD, "v/pack").unwrap();
        assert_eq!(members.len(), 2, "{members:?}");
        assert_eq!(members[0].leaf, "a b");
        assert_eq!(members[0].length, Some(7));
        assert!(members[0].modified.is_some() && !members[0].is_folder);
        assert_eq!(members[1].leaf, "ab");
        assert!(members[1].is_folder);
    }

    #[test]
    fn any_answer_is_read_or_refused() {
        bolero::check!().with_type::<String>().for_each(|text| {
            let _ = members(text, "v");
        });
    }
}
