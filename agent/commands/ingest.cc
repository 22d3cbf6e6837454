// tlsrpt ingest: reports from files and Maildirs into the store, also while its service runs.
#include <algorithm>
#include <filesystem>
#include <ostream>

#include "agent/commands/commands.h"
#include "agent/commands/lint.h"
#include "agent/remember/sqlite.h"
#include "agent/remember/store.h"
#include "agent/reports/intake.h"
#include "agent/watch/clock.h"
#include "checks/facts/result.h"
#include "checks/facts/text.h"
#include "config/load.h"

namespace stswatch {
namespace {

using reports::Fate;
using Counts = std::map<Fate, std::size_t>;

/// A store that is not there yet is made as the service would.
tl::expected<void, std::string> make_store(const std::string& state, const Clock& clock) {
  if (state == kInRam) return tl::make_unexpected("agent.state is \"" + state + "\": nothing would be kept");
  if (is_database(state))
    return tl::make_unexpected(
        "TLS reports are counted in a file, and agent.state is a database: ingest them with the "
        "configuration of an agent that has a file");
  if (sql::exists(state)) return {};
  const auto store = open_store(state, {.now = [&] { return clock.now(); }});
  if (!store) return tl::make_unexpected(store.error());
  if (!(*store)->stop()) return tl::make_unexpected("cannot write the store " + state);
  return {};
}

/// What cannot be read is named, and holds up none of the others.
void cannot_read(const std::string& why, Counts& counts, Streams io) {
  ++counts[Fate::unreadable];
  complain(io, text::one_line(why), 0);
}

tl::expected<void, std::string> take_file(const std::string& path, reports::Intake& intake, Counts& counts,
                                          Streams io) {
  auto octets = read_report_file(path);
  if (!octets) {
    cannot_read(octets.error(), counts, io);
    return {};
  }
  const auto outcomes =
      intake.take({{.octets = std::move(*octets), .source = path, .media_type = "", .stays = true}});
  if (!outcomes) return tl::make_unexpected(outcomes.error());
  const auto note = [&](const reports::Outcome& outcome) {
    ++counts[outcome.fate];
    if (outcome.fate != Fate::stored)
      io.err << path << ": " << to_string(outcome.fate) << (outcome.why.empty() ? "" : ": ")
             << text::one_line(outcome.why) << "\n";
  };
  note(outcomes->front());
  std::ranges::for_each(outcomes->front().further, note);
  return {};
}

tl::expected<void, std::string> take_maildir(const std::string& path, reports::Intake& intake, Counts& counts,
                                             Streams io) {
  if (const auto fit = reports::look_at_maildir(path); !fit) {
    cannot_read(fit.error(), counts, io);
    return {};
  }
  reports::Maildir maildir(path);
  for (bool more = true; more;) {
    const auto turn = maildir.turn(intake);
    if (!turn) return tl::make_unexpected(turn.error());
    for (const auto& [fate, n] : turn->fates)
      counts[fate] += n;
    if (!turn->trouble.empty()) io.err << text::one_line(turn->trouble) << "\n";
    more = turn->more;
  }
  return {};
}

}  // namespace

int ingest(const IngestCommand& command, Streams io) {
  const auto config = load_config(command.config_file, ListCommand::run);
  if (!config) return complain(io, list_of(config.error()), kExitConfig);
  const SystemClock clock;
  const auto& state = config->agent.state;
  if (const auto made = make_store(state, clock); !made) return complain(io, made.error(), kExitConfig);
  const auto book = reports::Book::open(state);
  if (!book) return complain(io, book.error(), kExitConfig);
  reports::Intake intake(**book, [&] { return clock.now(); });
  std::set<std::string> domains;
  for (const auto& domain : config->domains)
    domains.insert(domain.name.str());
  intake.adopt(config->tlsrpt, std::move(domains));
  Counts counts;
  for (const auto& path : command.files) {
    std::error_code error;
    const bool folder = std::filesystem::is_directory(path, error);
    const auto done = folder ? take_maildir(path, intake, counts, io) : take_file(path, intake, counts, io);
    if (!done) return complain(io, done.error(), kExitOutput);
  }
  for (const auto fate : reports::kFates)
    if (counts.contains(fate)) io.out << to_string(fate) << ": " << counts.at(fate) << "\n";
  const bool clean = counts[Fate::unreadable] + counts[Fate::unauthenticated] == 0;
  return clean ? 0 : 1;
}

}  // namespace stswatch
