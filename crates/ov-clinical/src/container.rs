//! Kinds that are told apart by what a container holds: ZIP, OLE2, TIFF, HDF5, netCDF.

use crate::identify::{Identification, Name};
use crate::kind::Kind;
use crate::window::Window;

/// Identifies containers by a look at their names and tags.
pub(crate) fn identify(name: &Name, window: &Window) -> Option<Identification> {
    let head = window.head();
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Some(zip(window));
    }
    if head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return Some(ole(name, head));
    }
    if head.starts_with(b"\x89HDF\r\n\x1a\n") {
        return Some(hdf5(head));
    }
    if head.starts_with(b"CDF\x01") || head.starts_with(b"CDF\x02") {
        return Some(netcdf(head));
    }
    tiff(name, head)
}

fn zip(window: &Window) -> Identification {
    let head = window.head();
    if let Some(kind) = by_mimetype(head) {
        return Identification::signature(kind, "ZIP whose first entry names its type");
    }
    let has = |what: &[u8]| find(head, what) || find(window.end(), what);
    let open_xml = has(b"[Content_Types].xml");
    match () {
        () if open_xml && has(b"word/") => {
            Identification::signature(Kind::Docx, "ZIP with [Content_Types].xml and word/")
        }
        () if open_xml && has(b"xl/") => {
            Identification::signature(Kind::Xlsx, "ZIP with [Content_Types].xml and xl/")
        }
        () if open_xml && has(b"ppt/") => {
            Identification::signature(Kind::Pptx, "ZIP with [Content_Types].xml and ppt/")
        }
        () if has(b".zgroup") || has(b".zarray") || has(b"zarr.json") => {
            Identification::signature(Kind::ZarrZip, "ZIP with groups or arrays of Zarr")
        }
        () => Identification::signature(Kind::Zip, "magic PK"),
    }
}

/// OpenDocument and EPUB: the first entry is `mimetype`, stored.
fn by_mimetype(head: &[u8]) -> Option<Kind> {
    let name = head.get(30..38)?;
    let kind = head.get(38..100)?;
    let open = name == b"mimetype" && kind.starts_with(b"application/vnd.oasis.opendocument.");
    open.then_some(Kind::OpenDocument)
}

/// OLE2: the names of the streams in the directory, in UTF-16 ([MS-CFB] section 2.6). They may lie
/// behind the head; then the name of the file says which of them it is.
fn ole(name: &Name, head: &[u8]) -> Identification {
    let has = |stream: &str| find(head, &utf16(stream));
    if has("__properties_version1.0") || has("__nameid_version1.0") {
        return Identification::signature(Kind::OutlookMsg, "OLE2 with properties of a message");
    }
    if has("WordDocument") || has("Workbook") || has("PowerPoint Document") {
        return Identification::signature(Kind::OfficeBinary, "OLE2 with an Office stream");
    }
    if name.ends(&["msg"]) {
        return Identification::name(Kind::OutlookMsg, "OLE2, and named like a message");
    }
    if name.ends(&["doc", "xls", "ppt", "dot", "xlt"]) {
        return Identification::name(Kind::OfficeBinary, "OLE2, and named like a document");
    }
    Identification::signature(Kind::Unknown, "OLE2 of unknown content")
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn hdf5(head: &[u8]) -> Identification {
    if find(head, b"minc-2.0") {
        return Identification::signature(Kind::Minc, "HDF5 with a group minc-2.0");
    }
    Identification::signature(Kind::Hdf5, "magic of HDF5")
}

fn netcdf(head: &[u8]) -> Identification {
    let minc = find(head, b"MINC standard variable") || find(head, b"xspace");
    match minc {
        true => Identification::signature(Kind::Minc, "netCDF with dimensions of MINC"),
        false => Identification::signature(Kind::NetCdf, "magic CDF"),
    }
}

/// TIFF: Aperio and OME say so in the image description, which mostly lies in the head.
fn tiff(name: &Name, head: &[u8]) -> Option<Identification> {
    const MAGICS: [&[u8]; 4] = [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"];
    if !MAGICS.iter().any(|magic| head.starts_with(magic)) {
        return None;
    }
    Some(match () {
        () if find(head, b"Aperio ") => {
            Identification::signature(Kind::Svs, "TIFF described by Aperio")
        }
        () if find(head, b"<OME ") || find(head, b"openmicroscopy.org/Schemas/OME") => {
            Identification::signature(Kind::OmeTiff, "TIFF described by OME-XML")
        }
        () if name.ends(&["svs"]) => Identification::name(Kind::Svs, "TIFF, and named .svs"),
        () => Identification::signature(Kind::Tiff, "magic of TIFF"),
    })
}

fn find(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}
