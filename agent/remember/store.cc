// Which kind of store a name means.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "agent/remember/fleet.h"
#include "agent/remember/postgres.h"
#include "agent/remember/sqlite.h"
#include "agent/remember/store_kinds.h"

namespace stswatch {
namespace {

std::string unknown_kind(const std::string& state) {
  return "the store " + state.substr(0, state.find("://")) +
         "://... is of a kind that this build does not know: name a file with --state, or "
         "postgresql://USER@HOST/NAME";
}

bool is_unknown(const std::string& state) { return state.find("://") != state.npos && !pg::is_url(state); }

/// Nothing to read, and no fault.
bool is_nothing(const std::string& state) {
  return state == kInRam || (!pg::is_url(state) && !sql::exists(state));
}

}  // namespace

tl::expected<void, std::string> is_store(const std::string& file) { return sql::is_ours(file); }
std::string shown_store(const std::string& state) { return pg::shown(state); }
bool is_database(const std::string& state) { return pg::is_url(state); }

tl::expected<std::unique_ptr<Store>, std::string> open_store(const std::string& state, StoreOptions options) {
  if (state == kInRam) return make_live_store({}, nullptr, std::move(options));
  if (is_unknown(state)) return tl::make_unexpected(unknown_kind(state));
  return pg::is_url(state) ? pg::open_database(state, std::move(options))
                           : sql::open_file(state, std::move(options));
}

tl::expected<std::string, std::string> folder_of_store(const std::string& state) {
  if (state == kInRam || is_unknown(state) || pg::is_url(state)) return {};
  return sql::made_folder_of(state);
}

tl::expected<std::unique_ptr<Memory>, std::string> read_store(const std::string& state,
                                                              const std::set<std::string>& domains) {
  if (is_nothing(state)) return nullptr;
  auto all = pg::is_url(state) ? pg::read_database(state, domains) : sql::read_file(state, domains);
  if (!all) return tl::make_unexpected(all.error());
  return make_live_store(std::move(*all), nullptr, {});
}

tl::expected<std::optional<StoredHistory>, std::string> read_history(const std::string& state,
                                                                     const Domain& domain) {
  if (is_nothing(state)) return std::nullopt;
  auto history = pg::is_url(state) ? pg::read_database_history(state, domain.str())
                                   : sql::read_file_history(state, domain.str());
  if (!history) return tl::make_unexpected(history.error());
  if (history->looks.empty() && history->transitions.empty()) return std::nullopt;
  return std::move(*history);
}

tl::expected<std::size_t, std::string> copy_store(const std::string& from, const std::string& to) {
  for (const auto& name : {from, to})
    if (is_unknown(name)) return tl::make_unexpected(unknown_kind(name));
  if (pg::is_url(from) || pg::is_url(to)) return pg::copy(from, to);
  if (auto copied = sql::copy(from, to); !copied) return tl::make_unexpected(copied.error());
  auto db = sql::open_for_reading(to);
  if (!db) return tl::make_unexpected(db.error());
  const auto domains = (*db)->number("SELECT count(*) FROM subjects WHERE kind = 'domain'");
  return static_cast<std::size_t>(domains.value_or(0));
}

tl::expected<std::vector<std::string>, std::string> read_domain_names(const std::string& state) {
  return pg::is_url(state) ? pg::read_database_domain_names(state) : sql::read_file_domain_names(state);
}

tl::expected<std::map<std::string, std::string>, std::string> read_key_values(const std::string& state,
                                                                              const std::string& table) {
  return pg::is_url(state) ? pg::read_database_key_values(state, table)
                           : sql::read_file_key_values(state, table);
}

void lay_over(std::map<std::string, std::string>& rows, const std::vector<KeyValueEdit>& edits) {
  for (const auto& edit : edits) {
    if (edit.text)
      rows[edit.key] = *edit.text;
    else
      rows.erase(edit.key);
  }
}

tl::expected<std::map<std::string, std::string>, std::string> read_key_values(const std::string& state,
                                                                              const std::string& table,
                                                                              const KeyValueStore& ours) {
  const auto edits =
      ours.unwritten(table);  // first: what reaches the disk meanwhile is in both, not in neither
  auto rows = read_key_values(state, table);
  if (rows) lay_over(*rows, edits);
  return rows;
}

tl::expected<void, std::string> edit_key_values(const std::string& state,
                                                const std::vector<KeyValueEdit>& edits) {
  Batch batch;
  batch.edits = edits;
  return pg::is_url(state) ? pg::edit_database(state, batch) : sql::edit_file(state, batch);
}

}  // namespace stswatch

namespace stswatch::pg {

// A store carried from a file into a database, or back: row by row, since the tables are the same.

namespace {

struct Table {
  std::string name, columns;
  std::set<int> octets{};  // the columns that hold them
};

template <class T>
Table rows_of(const std::string& first) {
  return {sql::kTable<T>, first + sql::columns_of<T>().text};
}

/// In an order in which a row comes after those that it names.
std::vector<Table> tables() {
  return {{"subjects", "id, kind, name, state"},
          {"moments", "subject_id, moments", {1}},
          rows_of<SeenPolicy>("subject_id, place, "),
          rows_of<SeenId>("subject_id, place, "),
          rows_of<SeenHost>("subject_id, place, "),
          rows_of<SeenCertificate>("subject_id, place, "),
          rows_of<Incident>("subject_id, place, "),
          rows_of<Change>("id, subject_id, "),
          {"transitions", "id, at, domain, kind, code, subject, severity, incident"},
          {"facts", "id, subject_id, key, look", {2, 3}},
          {"looks", "subject_id, role, number, at, facts_id"},
          {"journal", "name, key, text"}};
}

void copy_table(sql::Tables& from, sql::Tables& to, const Table& table) {
  const auto columns = 1 + static_cast<int>(std::ranges::count(table.columns, ','));
  std::string insert = "INSERT INTO " + table.name + " (" + table.columns + ") VALUES (?";
  for (int i = 1; i < columns; ++i)
    insert += ", ?";
  insert += ")";
  from.each("SELECT " + table.columns + " FROM " + table.name, [&](const sql::Statement& row) {
    to.run_bound(insert, [&](sql::Statement& statement) {
      for (int i = 0; i < columns; ++i) {
        if (row.null(i))
          statement.bind(nullptr);
        else if (table.octets.contains(i))
          statement.bind(sql::Blob{row.text(i)});
        else
          statement.bind(row.text(i));  // numbers too: the column makes them what they are
      }
    });
  });
}

std::size_t copy_all(sql::Tables& from, sql::Tables& to) {
  for (const auto& table : tables())
    if (from.ok() && to.ok()) copy_table(from, to, table);
  return static_cast<std::size_t>(
      from.number("SELECT count(*) FROM subjects WHERE kind = 'domain'").value_or(0));
}

/// What the database has besides: who watches which domain, and the next number of each row.
void settle_in(Session& to) {
  std::vector<std::pair<std::int64_t, std::string>> domains;
  to.each("SELECT id, name FROM subjects WHERE kind = 'domain'",
          [&](const sql::Statement& row) { domains.emplace_back(row.integer(0), row.text(1)); });
  for (const auto& [id, name] : domains)
    to.run("UPDATE subjects SET shard = ? WHERE id = ?", shard_of(name), id);
  for (const auto* table : {"facts", "changes", "transitions"})
    to.run("SELECT setval(pg_get_serial_sequence('" + std::string(table) +
           "', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM " + table + "))");
  // Ids of subjects are given in blocks, each writer its own.
  to.run("SELECT setval('stswatch_writers', (SELECT coalesce(max(id), 0) / 4294967296 + 1 FROM subjects))");
}

tl::expected<std::size_t, std::string> from_file(const std::string& from, const std::string& url) {
  auto db = sql::open_for_reading(from);
  if (!db) return tl::make_unexpected(db.error());
  auto session = Session::make(url, kPatient);
  if (!session) return tl::make_unexpected(session.error());
  if (auto taken = take_up(**session); !taken) return tl::make_unexpected(taken.error());
  std::size_t domains = 0;
  bool empty = true;
  const auto done = (*session)->transaction([&] {
    empty = (*session)->number("SELECT count(*) FROM subjects").value_or(0) == 0;
    if (!empty) return;
    domains = copy_all(**db, **session);
    settle_in(**session);
  });
  if (auto settled = (*db)->settle(); !settled)
    return tl::make_unexpected(sql::explain(from, settled.error()));
  if (!done) return tl::make_unexpected((*session)->explain(done.error()));
  if (!empty)
    return tl::make_unexpected(
        (*session)->server() +
        " remembers domains already and is not overwritten: name an empty database with --to");
  return domains;
}

tl::expected<std::size_t, std::string> into_file(const std::string& url, const std::string& to) {
  if (auto free = sql::is_free(to); !free) return tl::make_unexpected(free.error());
  auto session = Session::make(url, kPatient);
  if (!session) return tl::make_unexpected(session.error());
  if (auto ours = look_whether_ours(**session); !ours) return tl::make_unexpected(ours.error());
  const auto unfinished = to + ".unfinished";
  std::error_code error;
  for (const auto* end : {"", "-wal", "-shm"})
    std::filesystem::remove(unfinished + end, error);
  std::size_t domains = 0;
  {
    auto file = sql::OwnedFile::open(unfinished);
    if (!file) return tl::make_unexpected(file.error());
    tl::expected<void, sql::Trouble> written;
    const auto done = (*session)->transaction([&] {
      (*session)->script("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
      written = (*file)->db().transaction([&] { domains = copy_all(**session, (*file)->db()); });
    });
    if (!done) return tl::make_unexpected((*session)->explain(done.error()));
    if (!written) return tl::make_unexpected(sql::explain(unfinished, written.error()));
  }
  if (::link(unfinished.c_str(), to.c_str()) != 0)
    return tl::make_unexpected("cannot write " + to + ": " + std::strerror(errno));
  std::filesystem::remove(unfinished, error);
  return domains;
}

}  // namespace

tl::expected<std::size_t, std::string> copy(const std::string& from, const std::string& to) {
  if (is_url(from) && is_url(to))
    return tl::make_unexpected("both are databases: copy one with pg_dump, which is made for it");
  return is_url(to) ? from_file(from, to) : into_file(from, to);
}

}  // namespace stswatch::pg
