//! Performs the reviewer's effects: the engine's work, previews, and scans of the dataset. Everything runs off the
//! screen's thread and reports back in messages.

mod pane_file;
mod replacements;
mod scanner;
mod sorter;
mod spot_report;
mod tags;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use crate::dataset::RecordId;
use crate::engine::{BatchService, Consent, Emit, Engine, EngineOptions};
use crate::preview::{Capabilities, CellArea, Painter, PictureView, PreviewError, Previewer, Ready, Thumbnails, Zoom};
use crate::remote_folder::{self, Ahead};
use crate::review::{ChosenDescriber, Effect, ExportRequest, Msg, Panes};
use crate::session::{Location, SessionError};
use scanner::Scanner;

pub use pane_file::remembered_panes;

/// Sets up the describer of a name, with a model if it has several.
pub type DescriberService = Arc<dyn Fn(&'static str, Option<String>) -> Result<ChosenDescriber, String> + Send + Sync>;
/// Exports captions and returns a summary.
pub type ExportService = Arc<dyn Fn(ExportRequest) -> Result<String, String> + Send + Sync>;

/// The services that the reviewer needs from the commands. Called on threads of their own.
pub struct Services {
    pub describer: DescriberService,
    pub export: ExportService,
    pub batch: BatchService,
}

/// The reviewer's background work.
pub struct Runtime {
    engine: Engine,
    location: Location,
    /// Overwrite the target of a save without asking.
    force: bool,
    messages: UnboundedSender<Msg>,
    services: Services,
    scanner: Scanner,
    previewer: Option<Previewer>,
    /// The operator's new choice, stored when the reviewer closes.
    panes: Option<Panes>,
}

impl Runtime {
    /// Starts the engine, which opens the session.
    ///
    /// # Panics
    /// Panics outside a tokio runtime.
    #[must_use]
    pub fn new(options: EngineOptions, force: bool, services: Services, messages: UnboundedSender<Msg>) -> Self {
        let location = options.session.clone();
        let sender = messages.clone();
        let emit: Emit = Arc::new(move |event| {
            // Fails only while the program ends.
            let _ = sender.send(Msg::Engine(event));
        });
        let engine = Engine::start(options, emit);
        let scanner = Scanner::default();
        Self { engine, location, force, messages, services, scanner, previewer: None, panes: None }
    }

    /// Starts to index and check the dataset.
    pub fn start(&mut self) {
        self.engine.index(true);
    }

    /// Starts preparing images for a terminal and returns their painter.
    pub fn show_pictures(&mut self, terminal: Capabilities) -> Painter {
        let messages = self.messages.clone();
        let thumbnails = self.location.thumbnails().map(Thumbnails::new);
        let previewer = Previewer::spawn(terminal, thumbnails, move |ready| {
            // Fails only while the program ends.
            let _ = messages.send(Msg::Picture(ready));
        });
        self.previewer.insert(previewer).painter()
    }

    /// Forgets which images the terminal has received.
    pub fn forget_pictures(&self) {
        if let Some(previewer) = &self.previewer {
            previewer.clear_cache();
        }
    }

    /// Performs an effect. Returns the result if it is available at once.
    pub fn perform(&mut self, effect: Effect) -> Option<Msg> {
        let engine = &mut self.engine;
        let (dataset, messages) = (engine.dataset().clone(), self.messages.clone());
        match effect {
            Effect::Load(records) => engine.load(records),
            Effect::Store(step) => engine.store(step),
            Effect::RememberCursor(record, file_name) => engine.remember_cursor(record, file_name),
            Effect::ReopenSession => engine.reopen_session(),
            Effect::Describe(specs) => engine.describe(specs),
            Effect::DescribeAhead(specs) => engine.describe_ahead(specs),
            Effect::StopDescriptions => engine.cancel_all(),
            Effect::CollectBatches(id, parts) => engine.collect_batches(id, parts, Arc::clone(&self.services.batch)),
            Effect::StoreResults(id, transaction) => engine.store_results(id, transaction),
            Effect::StopCollecting => engine.stop_collecting(),
            Effect::PrepareDescriber => engine.prepare_describer(),
            Effect::ConsentToPrice => engine.consent(Consent::Terms),
            Effect::PrepareVerifier => engine.prepare_verifier(),
            Effect::ConsentToVerify => engine.consent_to_verify(Consent::Terms),
            Effect::ResumeDescriber => engine.resume_describer(),
            Effect::GatherStatistics => engine.gather_statistics(),
            Effect::Save(request) => engine.save(request.forced_if(self.force)),
            Effect::WriteReport { path, force } => {
                let location = self.location.clone();
                engine.spawn_writer("report", move || {
                    let written = spot_report::write(&dataset, &location, path, force);
                    let _ = messages.send(Msg::ReportWritten(written));
                });
            }
            Effect::Export(request) => {
                let export = Arc::clone(&self.services.export);
                engine.spawn_writer("export", move || _ = messages.send(Msg::Exported(export(request))));
            }
            Effect::ChooseDescriber { name, model } => {
                let choose = Arc::clone(&self.services.describer);
                let work = move || _ = messages.send(Msg::DescriberChosen(choose(name, model)));
                engine.spawn_reader("describer", work);
            }
            Effect::UseDescriber(chosen) => engine.use_describer(chosen.0),
            Effect::FindReplacements(scan) => {
                let stop = self.scanner.start(scan.id);
                engine.spawn_reader("replace", move || replacements::find(&dataset, &scan, &messages, &stop));
            }
            Effect::Scan(scan) => {
                let stop = self.scanner.start(scan.id);
                engine.spawn_reader("scan", move || scanner::run(&dataset, &scan, &messages, &stop));
            }
            Effect::Sort(scan) => {
                let stop = self.scanner.start(scan.id);
                engine.spawn_reader("sort", move || sorter::run(&dataset, &scan, &messages, &stop));
            }
            Effect::CollectVocabulary(id, now) => {
                let stop = self.scanner.start(id);
                let collect = move || scanner::collect_vocabulary(&dataset, (id, &now), &messages, &stop);
                engine.spawn_reader("vocabulary", collect);
            }
            Effect::CountTags(scan) => {
                let stop = self.scanner.start(scan.id);
                engine.spawn_reader("tags", move || tags::count(&dataset, &scan, &messages, &stop));
            }
            Effect::StopScan(id) => self.scanner.stop(id),
            Effect::RememberPanes(panes) => self.panes = Some(panes),
            Effect::ShowPicture { record, file_name, view } => return self.show_picture(record, file_name, view),
            Effect::PrefetchPictures { pictures, further, areas } => {
                let path = |(_, name): &(RecordId, String)| dataset.picture_path(name).ok();
                let paths: Vec<PathBuf> = pictures.iter().filter_map(path).collect();
                let further: Vec<PathBuf> = further.iter().filter_map(path).collect();
                remote_folder::prefetch(Ahead::Travel, paths.iter().chain(&further).map(PathBuf::as_path));
                if let Some(previewer) = &self.previewer {
                    previewer.prefetch(paths, PictureView { areas, zoom: Zoom::FIT });
                }
            }
            Effect::ShowThumbnails { pictures, area } => self.show_thumbnails(pictures, area),
            // Performed by the terminal's loop.
            Effect::EditExternally { .. }
            | Effect::Copy(_)
            | Effect::Notify(_)
            | Effect::Redraw
            | Effect::SetTheme(_)
            | Effect::Suspend
            | Effect::Quit => {}
        }
        None
    }

    fn show_picture(&self, record: RecordId, file_name: String, view: PictureView) -> Option<Msg> {
        let previewer = self.previewer.as_ref()?;
        let (path, result) = match self.engine.dataset().picture_path(&file_name) {
            Ok(path) => (path.clone(), previewer.request(record, path, view)),
            Err(error) => (file_name.into(), Some(Err(PreviewError::Refused(error.to_string())))),
        };
        result.map(|result| Msg::Picture(Ready { record, path, view, cell: previewer.cell(), result }))
    }

    /// Requests thumbnails. Those that are cached come with the next messages, before a frame is drawn.
    fn show_thumbnails(&self, pictures: Vec<(RecordId, String)>, area: CellArea) {
        let Some(previewer) = &self.previewer else { return };
        let mut wanted = Vec::with_capacity(pictures.len());
        let mut ready = Vec::new();
        for (record, file_name) in pictures {
            match self.engine.dataset().picture_path(&file_name) {
                Ok(path) => wanted.push((record, path)),
                Err(error) => {
                    let result = Err(PreviewError::Refused(error.to_string()));
                    let (path, view, cell) = (file_name.into(), PictureView::fit(area), previewer.cell());
                    ready.push(Ready { record, path, view, cell, result });
                }
            }
        }
        remote_folder::prefetch(Ahead::Visible, wanted.iter().map(|(_, path)| path.as_path()));
        ready.extend(previewer.request_thumbnails(wanted, area));
        for ready in ready {
            let _ = self.messages.send(Msg::Picture(ready));
        }
    }

    /// Stops all work. Returns after everything sent to the session is stored.
    ///
    /// # Errors
    /// Returns an error if changes were lost.
    pub async fn close(mut self) -> Result<(), SessionError> {
        self.scanner.stop_all();
        self.previewer = None;
        if let Some(panes) = self.panes.take() {
            pane_file::remember(panes);
        }
        let Err(error) = self.engine.close().await else { return Ok(()) };
        tracing::error!(%error, "closing the session");
        if matches!(error, SessionError::Lost { .. }) { Err(error) } else { Ok(()) }
    }
}
