//! Every kind of file that is recognised, with the category of work that it belongs to.

/// What a file is for. The categories of the mission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Medical records and messages about patients.
    Records,
    /// Images, slides, waveforms, and what was measured in them.
    Images,
    /// Radiotherapy plans, structures, doses and treatment records.
    Plans,
    /// Sequences, alignments, variants and their indexes.
    Genomes,
    /// Data and metadata of clinical trials.
    Trials,
    /// Research data that belongs to no patient by its format.
    Research,
    /// Claims, enrolment, appointments, mail and office documents.
    Administration,
    /// Directories of those who help patients.
    Support,
    /// Databases, archives and everything that may hold anything.
    Other,
}

impl Category {
    /// The word for it in tables and reports.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Images => "images",
            Self::Plans => "plans",
            Self::Genomes => "genomes",
            Self::Trials => "trials",
            Self::Research => "research",
            Self::Administration => "administration",
            Self::Support => "support",
            Self::Other => "other",
        }
    }
}

macro_rules! kinds {
    ($($name:ident $label:literal $category:ident $title:literal;)*) => {
        /// What a file is.
        ///
        /// `Unknown` is an answer like the others: nothing is guessed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Kind { $(#[doc = $title] $name,)* }

        impl Kind {
            /// All kinds, in the order of the categories.
            pub const ALL: &'static [Kind] = &[$(Kind::$name,)*];

            /// The short stable name: lower case, for reports and the catalog.
            #[must_use]
            pub fn label(self) -> &'static str {
                match self { $(Kind::$name => $label,)* }
            }

            /// The kind of this short name.
            #[must_use]
            pub fn of_label(label: &str) -> Option<Self> {
                match label { $($label => Some(Kind::$name),)* _ => None }
            }

            /// What it is in a few words.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Kind::$name => $title,)* }
            }

            /// The category of work that such a file usually belongs to.
            #[must_use]
            pub fn category(self) -> Category {
                match self { $(Kind::$name => Category::$category,)* }
            }
        }
    };
}

kinds! {
    FhirJson "fhir-json" Records "FHIR resource or bundle, JSON";
    FhirNdjson "fhir-ndjson" Records "FHIR resources, one a line";
    FhirXml "fhir-xml" Records "FHIR resource or bundle, XML";
    Hl7 "hl7v2" Records "HL7 version 2 messages";
    Hl7Batch "hl7v2-batch" Records "HL7 version 2 batch file";
    Hl7Xml "hl7v2-xml" Records "HL7 version 2 in XML, or a profile of it";
    Cda "cda" Records "clinical document (CDA, C-CDA)";
    BlueButton "blue-button" Records "patient's own record as Blue Button text";
    DicomCt "dicom-ct" Images "DICOM CT image";
    DicomMr "dicom-mr" Images "DICOM MR image";
    DicomPt "dicom-pt" Images "DICOM PET image";
    DicomImage "dicom-image" Images "DICOM image of another modality";
    DicomSlide "dicom-slide" Images "DICOM whole-slide image";
    DicomSeg "dicom-seg" Images "DICOM segmentation";
    DicomReg "dicom-reg" Images "DICOM registration";
    DicomSr "dicom-sr" Images "DICOM structured report or key object list";
    DicomPresentation "dicom-pr" Images "DICOM presentation state";
    DicomWaveform "dicom-waveform" Images "DICOM waveform";
    DicomDocument "dicom-document" Images "DICOM encapsulated document";
    DicomOther "dicom-other" Images "DICOM object without a known class";
    Dicomdir "dicomdir" Images "DICOM media directory";
    Svs "svs" Images "slide in Aperio's TIFF";
    OmeTiff "ome-tiff" Images "microscopy in OME-TIFF";
    Tiff "tiff" Images "TIFF picture";
    Nifti "nifti" Images "NIfTI volume";
    NiftiHeader "nifti-header" Images "header of a NIfTI pair or Analyze volume";
    Nrrd "nrrd" Images "NRRD volume";
    Minc "minc" Images "MINC volume";
    Mgh "mgh" Images "FreeSurfer MGH volume";
    Gifti "gifti" Images "GIFTI surface";
    MetaImage "metaimage" Images "MetaImage header";
    PhilipsPar "philips-par" Images "Philips PAR header";
    AfniHead "afni-head" Images "AFNI header";
    Ecat "ecat" Images "ECAT PET volume";
    TrackVis "trackvis" Images "TrackVis tracks";
    MrtrixTracks "mrtrix-tck" Images "MRtrix tracks";
    Edf "edf" Images "biosignals in EDF or BDF";
    DicomRtPlan "dicom-rtplan" Plans "DICOM radiotherapy plan";
    DicomRtStruct "dicom-rtstruct" Plans "DICOM structure set";
    DicomRtDose "dicom-rtdose" Plans "DICOM dose";
    DicomRtRecord "dicom-rtrecord" Plans "DICOM treatment record";
    DicomRtImage "dicom-rtimage" Plans "DICOM radiotherapy image";
    DicomRtSecond "dicom-rt2" Plans "DICOM radiotherapy of the second generation";
    Fastq "fastq" Genomes "sequencing reads (FASTQ)";
    Sam "sam" Genomes "alignments as text (SAM)";
    Bam "bam" Genomes "alignments (BAM)";
    Cram "cram" Genomes "alignments against a reference (CRAM)";
    Vcf "vcf" Genomes "variants as text (VCF)";
    Bcf "bcf" Genomes "variants (BCF)";
    Fasta "fasta" Genomes "sequences (FASTA)";
    Qual "qual" Genomes "qualities beside FASTA";
    Bed "bed" Genomes "regions (BED)";
    Gff "gff" Genomes "annotations (GFF)";
    Gtf "gtf" Genomes "annotations (GTF)";
    GenBank "genbank" Genomes "GenBank or GenPept records";
    AbiTrace "abi-trace" Genomes "Sanger trace (ABIF)";
    TwoBit "2bit" Genomes "sequences (2bit)";
    Bai "bai" Genomes "index of a BAM (BAI)";
    Csi "csi" Genomes "index (CSI)";
    Tbi "tbi" Genomes "index (tabix)";
    Crai "crai" Genomes "index of a CRAM (CRAI)";
    Fai "fai" Genomes "index of a FASTA (FAI)";
    Gzi "gzi" Genomes "index of a BGZF file (GZI)";
    Crypt4gh "crypt4gh" Genomes "encrypted for exchange (Crypt4GH)";
    OdmXml "odm" Trials "trial data or metadata (ODM)";
    DefineXml "define-xml" Trials "description of trial datasets (define.xml)";
    DatasetJson "dataset-json" Trials "trial dataset (Dataset-JSON)";
    XptV5 "xport-v5" Trials "SAS transport file, version 5";
    XptV8 "xport-v8" Trials "SAS transport file, version 8";
    Sas7bdat "sas7bdat" Trials "SAS dataset";
    Hdf5 "hdf5" Research "HDF5 container";
    NetCdf "netcdf" Research "netCDF container";
    ZarrZip "zarr-zip" Research "Zarr arrays in a ZIP";
    Parquet "parquet" Research "Parquet table";
    Numpy "numpy" Research "NumPy array";
    PhyloXml "phyloxml" Research "phylogenetic tree (phyloXML)";
    X12 "x12" Administration "X12 claims, enrolment or payment";
    Pdf "pdf" Administration "PDF document";
    Docx "docx" Administration "Word document";
    Xlsx "xlsx" Administration "Excel workbook";
    Pptx "pptx" Administration "PowerPoint presentation";
    OpenDocument "opendocument" Administration "OpenDocument text, sheet or presentation";
    OfficeBinary "office-binary" Administration "Office document of the years before 2007";
    Rtf "rtf" Administration "RTF document";
    Mail "mail" Administration "mail message";
    Mbox "mbox" Administration "mailbox (mbox)";
    OutlookMsg "outlook-msg" Administration "Outlook message";
    OutlookPst "outlook-pst" Administration "Outlook mailbox";
    ICalendar "icalendar" Administration "calendar";
    VCard "vcard" Administration "contacts";
    Csv "csv" Administration "table with commas or semicolons";
    Tsv "tsv" Administration "table with tabs";
    Hsds "hsds" Support "directory of services (Open Referral HSDS)";
    Sqlite "sqlite" Other "SQLite database";
    Access "access" Other "Access database";
    PgDump "pg-dump" Other "PostgreSQL dump, plain";
    PgDumpCustom "pg-dump-custom" Other "PostgreSQL dump, custom format";
    MysqlDump "mysqldump" Other "MySQL or MariaDB dump";
    MssqlBackup "mssql-backup" Other "SQL Server backup";
    Zip "zip" Other "ZIP archive";
    Gzip "gzip" Other "gzip of unknown content";
    Tar "tar" Other "tar archive";
    Bzip2 "bzip2" Other "bzip2 of unread content";
    Xz "xz" Other "xz of unread content";
    Zstd "zstd" Other "Zstandard of unread content";
    SevenZip "7z" Other "7-Zip archive";
    Rar "rar" Other "RAR archive";
    Iso9660 "iso9660" Other "disc image (ISO 9660)";
    Png "png" Other "PNG picture";
    Jpeg "jpeg" Other "JPEG picture";
    Gif "gif" Other "GIF picture";
    Mp4 "mp4" Other "MP4 or QuickTime film";
    IccProfile "icc" Other "colour profile (ICC)";
    Executable "executable" Other "program";
    Json "json" Other "JSON of no known schema";
    Xml "xml" Other "XML of no known schema";
    Html "html" Other "HTML page";
    Text "text" Other "plain text";
    Empty "empty" Other "no content";
    Unknown "unknown" Other "not recognised";
}

impl Kind {
    /// Whether it is any DICOM object.
    #[must_use]
    pub fn is_dicom(self) -> bool {
        self.label().starts_with("dicom")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn labels_are_unique() {
        let labels: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.label()).collect();
        assert_eq!(labels.len(), Kind::ALL.len());
        let again = labels.into_iter().filter_map(Kind::of_label);
        assert_eq!(again.count(), Kind::ALL.len());
    }
}
