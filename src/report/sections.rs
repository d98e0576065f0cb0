//! The checks of a run beside the figures that support them, by study.

use super::ReportError;
use crate::analysis::verdict::{Check, CheckSection, Verdict};
use crate::figure::{Figure, render_inline};
use crate::number::text::measured;
use crate::record::RunKind;
use crate::run::about::About;
use crate::run::figures::StyledFigure;
use crate::run::figures::about::ABOUT as OF_RUN;
use crate::run::study::Registry;
use rayon::prelude::*;
use serde::Serialize;

/// A study with its figures and checks.
#[derive(Clone, Debug, Serialize)]
pub struct StudySection {
    /// Its identifier in the page.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its question.
    pub question: String,
    /// The identifier of its statements in the page.
    pub theory: String,
    /// A block for every figure with the checks that it supports, and one for the checks without a figure.
    pub blocks: Vec<FigureBlock>,
}

/// A figure and the checks that it supports, or checks without a figure.
#[derive(Clone, Debug, Serialize)]
pub struct FigureBlock {
    /// The figure.
    pub figure: Option<FigureView>,
    /// The checks.
    pub checks: Vec<CheckView>,
}

/// A figure of the page.
#[derive(Clone, Debug, Serialize)]
pub struct FigureView {
    /// Its identifier in the page.
    pub id: String,
    /// Its name, that of its files.
    pub name: String,
    /// Its caption.
    pub caption: String,
    /// The element of the image, `<svg>` or `<img>`.
    pub image: String,
}

/// A check of the page.
#[derive(Clone, Debug, Serialize)]
pub struct CheckView {
    /// Its identifier in the page.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The statement.
    pub statement: String,
    /// The measured value.
    pub measured: String,
    /// The 95 % interval of this measurement alone.
    pub interval: String,
    /// The interval at the joint level.
    pub joint: String,
    /// The value of the theory.
    pub expected: String,
    /// The verdict, in words.
    pub verdict: String,
    /// The verdict as the name of a style.
    pub class: String,
    /// The reason for the verdict.
    pub detail: String,
    /// Whether the check tests the program and not the theory.
    pub of_program: bool,
}

/// A study of a kind of run, with what it is about; `run` for what every run has.
#[derive(Clone, Copy)]
pub struct Topic {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static About,
}

impl Topic {
    /// Whether a check, or a figure, is of this study.
    fn owns(&self, name: &str) -> bool {
        name.strip_prefix(self.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }
}

/// What the studies of a run are about, those first that every run has.
pub fn topics(registry: &'static Registry, kind: RunKind, studies: &[String]) -> Vec<Topic> {
    let common = Topic { name: "run", about: &OF_RUN };
    let known = registry.about(kind).into_iter().map(|(name, about)| Topic { name, about });
    let ran = known.filter(|topic| studies.iter().any(|name| name == topic.name));
    (kind == RunKind::Training).then_some(common).into_iter().chain(ran).collect()
}

/// The sections of a run. `prefix` begins every identifier. What no study owns is in the first section.
///
/// # Errors
/// Figures that cannot be drawn.
pub fn sections(
    topics: &[Topic],
    figures: Vec<StyledFigure>,
    checks: &[Check],
    prefix: &str,
) -> Result<Vec<StudySection>, ReportError> {
    let owner = |name: &str| topics.iter().position(|topic| topic.owns(name)).unwrap_or(0);
    let (mut of_topic, mut checks_of) = (vec![Vec::new(); topics.len()], vec![Vec::new(); topics.len()]);
    for figure in figures {
        of_topic[owner(&figure.name)].push(figure);
    }
    for check in checks {
        checks_of[owner(&check.name)].push(check);
    }
    let parts = topics.iter().zip(of_topic).zip(checks_of);
    let found: Result<Vec<StudySection>, ReportError> = parts
        .map(|((topic, figures), checks)| {
            Ok(StudySection {
                id: format!("{prefix}study-{}", topic.name),
                name: topic.name.into(),
                question: capitalised(topic.about.question),
                theory: theory_id(topic.name),
                blocks: blocks(topic.about, figures, &checks, prefix)?,
            })
        })
        .collect();
    Ok(found?.into_iter().filter(|section| !section.blocks.is_empty()).collect())
}

/// The identifier of the statements of a study, which all runs of a page share.
pub(super) fn theory_id(study: &str) -> String {
    format!("theory-{study}")
}

/// A sentence with a capital letter.
pub(super) fn capitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn blocks(
    about: &About,
    figures: Vec<StyledFigure>,
    checks: &[&Check],
    prefix: &str,
) -> Result<Vec<FigureBlock>, ReportError> {
    let names: Vec<String> = figures.iter().map(|figure| figure.name.clone()).collect();
    let drawn: Vec<&str> = names.iter().map(String::as_str).collect();
    let of = |figure: Option<&str>| -> Vec<CheckView> {
        let supported = checks.iter().filter(|check| about.figure_of(&check.name, &drawn) == figure);
        supported.map(|check| view(check, prefix)).collect()
    };
    let views: Result<Vec<FigureView>, ReportError> =
        figures.par_iter().map(|figure| figure_view(about, figure, prefix)).collect();
    let mut blocks: Vec<FigureBlock> =
        views?.into_iter().map(|figure| FigureBlock { checks: of(Some(&figure.name)), figure: Some(figure) }).collect();
    let rest = of(None);
    if !rest.is_empty() {
        blocks.push(FigureBlock { figure: None, checks: rest });
    }
    Ok(blocks)
}

fn figure_view(about: &About, styled: &StyledFigure, prefix: &str) -> Result<FigureView, ReportError> {
    let StyledFigure { name, figure, scale } = styled;
    let caption = about.figure(name).map(|figure| figure.caption).unwrap_or_default();
    figure_element(name, figure, *scale, caption, prefix)
}

/// A figure with its caption.
pub(super) fn figure_element(
    name: &str,
    figure: &Figure,
    scale: f64,
    caption: &str,
    prefix: &str,
) -> Result<FigureView, ReportError> {
    let id = format!("{prefix}figure-{name}");
    let title = format!("Figure {name}. {caption}");
    let image = render_inline(figure, scale, &format!("{id}-title"), title.trim_end())?;
    Ok(FigureView { id, name: name.into(), caption: caption.into(), image })
}

/// A check as the templates show it.
pub(super) fn view(check: &Check, prefix: &str) -> CheckView {
    let interval = |interval: Option<(f64, f64)>| {
        interval.map(|(low, high)| format!("[{}, {}]", measured(low), measured(high))).unwrap_or_default()
    };
    CheckView {
        id: format!("{prefix}check-{}", check.name),
        name: check.name.clone(),
        statement: check.statement.clone(),
        measured: measured(check.measured),
        interval: interval(check.interval),
        joint: interval(check.joint_interval),
        expected: check.expected.map(measured).unwrap_or_default(),
        verdict: check.verdict.to_string(),
        class: match check.verdict {
            Verdict::Holds => "holds",
            Verdict::Fails => "fails",
            Verdict::NotResolved => "open",
        }
        .into(),
        detail: check.detail.clone(),
        of_program: check.section == CheckSection::Program,
    }
}
