//! The columns of a trial's dataset that say whose a row is (SDTM: STUDYID, SITEID, USUBJID or
//! SUBJID).

use crate::facts::Subject;
use crate::ident::Ident;

/// Which columns count, and what the present row has in them.
#[derive(Default)]
pub(crate) struct TrialColumns {
    study: Column,
    site: Column,
    unique: Column,
    subject: Column,
}

#[derive(Default)]
struct Column {
    at: Option<usize>,
    value: Option<Ident>,
}

impl TrialColumns {
    /// Says what a column is called.
    pub(crate) fn name(&mut self, at: usize, name: &str) {
        let column = match name {
            "STUDYID" => &mut self.study,
            "SITEID" => &mut self.site,
            "USUBJID" => &mut self.unique,
            "SUBJID" => &mut self.subject,
            _ => return,
        };
        column.at = Some(at);
    }

    /// The columns that count.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = usize> {
        [&self.study, &self.site, &self.unique, &self.subject]
            .into_iter()
            .filter_map(|c| c.at)
    }

    /// A value of the present row.
    pub(crate) fn cell(&mut self, at: usize, value: &str) {
        let all = [
            &mut self.study,
            &mut self.site,
            &mut self.unique,
            &mut self.subject,
        ];
        for column in all.into_iter().filter(|column| column.at == Some(at)) {
            column.value = Ident::new(value);
        }
    }

    /// The subject of the present row, which is then forgotten.
    pub(crate) fn take(&mut self, study: Option<&Ident>) -> Option<Subject> {
        let trial = self.study.value.take().or_else(|| study.cloned());
        let site = self.site.value.take();
        let short = self.subject.value.take();
        let subject = self.unique.value.take().or(short);
        subject.map(|subject| Subject {
            trial,
            site,
            subject: Some(subject),
        })
    }
}
