// Which kind of store a name means.
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
