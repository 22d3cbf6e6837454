// SQLite's C API behind values that clean up after themselves. The first thing that goes wrong is kept and
// what follows it is skipped, so that a transaction reads as the list of its statements. One thread at a
// time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <unordered_map>

struct sqlite3;
struct sqlite3_stmt;

namespace stswatch::sql {

struct Trouble {
  enum class Kind { cannot_open, not_ours, damaged, read_only, full, failing, busy, other };
  Kind kind = Kind::other;
  std::string text;  // in SQLite's words
};

/// Octets, as opposed to text.
struct Blob {
  std::string_view octets;
};

/// A statement while it is bound, and the row it stands at.
class Statement {
 public:
  explicit Statement(sqlite3_stmt* raw) : raw_(raw) {}

  void bind(std::int64_t value);
  void bind(std::string_view text);
  void bind(Blob blob);
  void bind(std::nullptr_t);
  void bind(const std::string& text) { bind(std::string_view(text)); }
  void bind(const char* text) { bind(std::string_view(text)); }
  template <class T>
  requires std::is_integral_v<T>
  void bind(T value) { bind(static_cast<std::int64_t>(value)); }

  // Of the row; columns count from 0.
  std::int64_t integer(int column) const;
  std::string_view text(int column) const;  // until the next step
  bool null(int column) const;

 private:
  friend class Database;
  sqlite3_stmt* raw_;  // owned by the database's cache
  int bound_ = 0;
};

class Database {
 public:
  enum class Access {
    read_write,  // created when it is not there
    read_only,
    frozen,  // read-only, and nobody else has it open: needs no lock and no file beside it
  };
  static tl::expected<std::unique_ptr<Database>, Trouble> open(const std::string& file, Access access);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// One statement, its parameters bound in order.
  template <class... Args>
  void run(std::string_view text, const Args&... args) {
    each(
        text, [](const Statement&) {}, args...);
  }
  template <class OnRow, class... Args>
  void each(std::string_view text, OnRow on_row, const Args&... args) {
    Statement* statement = prepare(text);
    if (statement == nullptr) return;
    (statement->bind(args), ...);
    while (step(*statement))
      on_row(*statement);
    reset(*statement);
  }
  /// For callers that bind by themselves.
  template <class Bind>
  void run_bound(std::string_view text, Bind bind) {
    Statement* statement = prepare(text);
    if (statement == nullptr) return;
    bind(*statement);
    while (step(*statement)) {
    }
    reset(*statement);
  }
  /// Several statements without parameters.
  void script(const std::string& text);
  /// The first column of the first row.
  std::optional<std::int64_t> number(std::string_view text);

  /// All of what `work` runs, or nothing.
  template <class Work>
  tl::expected<void, Trouble> transaction(Work work) {
    run("BEGIN IMMEDIATE");
    if (ok()) work();
    run("COMMIT");
    return settle();
  }
  /// Ends what was begun: the trouble since the last call, if any, after which the database is usable again.
  tl::expected<void, Trouble> settle();

  bool ok() const { return !trouble_; }
  const std::optional<Trouble>& trouble() const { return trouble_; }
  bool read_only() const;

 private:
  explicit Database(sqlite3* raw) : raw_(raw) {}
  Statement* prepare(std::string_view text);
  bool step(Statement& statement);
  static void reset(Statement& statement);
  void note(int code);

  sqlite3* raw_;
  std::unordered_map<std::string, Statement> statements_;
  std::optional<Trouble> trouble_;
};

// The file of the embedded store: found or made, understood or refused. Nothing that is not understood is
// written to. Its tables come in steps from one version to the next.

/// A store that this process writes: nobody else does while it is open.
class OwnedFile {
 public:
  static tl::expected<std::unique_ptr<OwnedFile>, std::string> open(const std::string& file);
  ~OwnedFile();
  OwnedFile(const OwnedFile&) = delete;
  OwnedFile& operator=(const OwnedFile&) = delete;

  Database& db() { return *db_; }
  const std::string& file() const { return file_; }

 private:
  OwnedFile(std::string file, int lock) : file_(std::move(file)), lock_(lock) {}
  tl::expected<void, std::string> take_up();

  std::string file_;
  int lock_;  // closed after the database: closing any descriptor of a file ends SQLite's own locks on it
  std::unique_ptr<Database> db_;
};

/// A store that another process may be writing.
tl::expected<std::unique_ptr<Database>, std::string> open_for_reading(const std::string& file);

bool exists(const std::string& file);

/// What SQLite complains of, and how to mend it.
std::string explain(const std::string& file, const Trouble& trouble);
/// A value in the file that cannot be.
std::string unreadable(const std::string& file, const std::string& what);

/// As a new file, whole or not at all.
tl::expected<void, std::string> copy(const std::string& from, const std::string& to);

// --- The tables (sqlite_schema.cc)

/// Step i brings version i to i + 1; never edit one that has been released, add the next.
std::span<const char* const> schema_steps();

enum class Schema {
  fresh,  // an empty file
  older,  // steps are to be taken
  current,
  newer,    // written by a later stswatch
  foreign,  // the database of another program
};
Schema schema_of(Database& db, std::span<const char* const> steps = schema_steps());

/// Takes the steps that are missing, in one transaction.
tl::expected<void, Trouble> migrate(Database& db, std::span<const char* const> steps = schema_steps());

}  // namespace stswatch::sql
