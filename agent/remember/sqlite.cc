#include "agent/remember/sqlite.h"

#include <sqlite3.h>

namespace stswatch::sql {
namespace {

constexpr int kBusyMillis = 5000;

Trouble::Kind kind_of(int code) {
  switch (code & 0xff) {
    case SQLITE_CANTOPEN:
      return Trouble::Kind::cannot_open;
    case SQLITE_NOTADB:
      return Trouble::Kind::not_ours;
    case SQLITE_CORRUPT:
      return Trouble::Kind::damaged;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return Trouble::Kind::read_only;
    case SQLITE_FULL:
      return Trouble::Kind::full;
    case SQLITE_IOERR:
      return Trouble::Kind::failing;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Trouble::Kind::busy;
    default:
      return Trouble::Kind::other;
  }
}

/// A file name as a URI: RFC 3986 §2.1 for what would end the path.
std::string uri_of(const std::string& file, std::string_view query) {
  std::string out = "file:";
  for (const char c : file) {
    if (c == '%') {
      out += "%25";
    } else if (c == '?') {
      out += "%3f";
    } else if (c == '#') {
      out += "%23";
    } else {
      out += c;
    }
  }
  return out.append(query);
}

}  // namespace

void SqliteStatement::put_integer(std::int64_t value) { sqlite3_bind_int64(raw_, ++bound_, value); }
void SqliteStatement::put_text(std::string_view text) {
  const char* octets = text.data() != nullptr ? text.data() : "";  // a null pointer would be NULL
  sqlite3_bind_text64(raw_, ++bound_, octets, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}
void SqliteStatement::put_octets(std::string_view octets) {
  sqlite3_bind_blob64(raw_, ++bound_, octets.data(), octets.size(), SQLITE_TRANSIENT);
}
void SqliteStatement::put_null() { sqlite3_bind_null(raw_, ++bound_); }

std::int64_t SqliteStatement::integer(int column) const { return sqlite3_column_int64(raw_, column); }
std::string_view SqliteStatement::text(int column) const {
  const auto* octets = static_cast<const char*>(sqlite3_column_blob(raw_, column));
  return {octets, octets == nullptr ? 0 : static_cast<std::size_t>(sqlite3_column_bytes(raw_, column))};
}
bool SqliteStatement::null(int column) const { return sqlite3_column_type(raw_, column) == SQLITE_NULL; }

tl::expected<std::unique_ptr<Database>, Trouble> Database::open(const std::string& file, Access access) {
  const int flags =
      SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
      (access == Access::read_write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(uri_of(file, access == Access::frozen ? "?immutable=1" : "").c_str(), &raw,
                                   flags, nullptr);
  std::unique_ptr<Database> database(new Database(raw));
  if (code != SQLITE_OK) {
    database->note(code);
    return tl::make_unexpected(*database->trouble_);
  }
  sqlite3_busy_timeout(raw, kBusyMillis);
  if (file == ":memory:")
    database->script("PRAGMA temp_store = MEMORY");  // else what it sorts goes to a disk
  return database;
}

Database::~Database() {
  for (auto& [_, statement] : statements_)
    sqlite3_finalize(statement.raw_);
  sqlite3_close_v2(raw_);
}

void Database::note(int code) {
  if (trouble_) return;
  std::string text = raw_ != nullptr ? sqlite3_errmsg(raw_) : sqlite3_errstr(code);
  trouble_ = Trouble{kind_of(code), std::move(text)};
}

Statement* Database::prepare(std::string_view text) {
  if (trouble_) return nullptr;
  std::string key(text);
  if (const auto it = statements_.find(key); it != statements_.end()) return &it->second;
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(raw_, text.data(), static_cast<int>(text.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) {
    note(code);
    return nullptr;
  }
  return &statements_.emplace(std::move(key), SqliteStatement(raw)).first->second;
}

bool Database::step(Statement& statement) {
  if (trouble_) return false;
  const int code = sqlite3_step(static_cast<SqliteStatement&>(statement).raw_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) note(code);
  return false;
}

void Database::reset(Statement& statement) {
  auto& ours = static_cast<SqliteStatement&>(statement);
  sqlite3_reset(ours.raw_);
  sqlite3_clear_bindings(ours.raw_);
  ours.bound_ = 0;
}

void Database::script(const std::string& text) {
  if (trouble_) return;
  if (const int code = sqlite3_exec(raw_, text.c_str(), nullptr, nullptr, nullptr); code != SQLITE_OK)
    note(code);
}

tl::expected<void, Trouble> Database::settle() {
  if (!trouble_) return {};
  auto trouble = std::move(*trouble_);
  trouble_.reset();
  if (sqlite3_get_autocommit(raw_) == 0) sqlite3_exec(raw_, "ROLLBACK", nullptr, nullptr, nullptr);
  return tl::make_unexpected(std::move(trouble));
}

bool Database::read_only() const { return sqlite3_db_readonly(raw_, "main") == 1; }

}  // namespace stswatch::sql
