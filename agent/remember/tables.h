// SQL as the records speak it, whichever database answers: statements whose parameters are bound in order,
// and rows. The first thing that goes wrong is kept and what follows it is skipped, so that a transaction
// reads as the list of its statements. One thread at a time; sqlite.h and postgres.h are the two databases.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <type_traits>

namespace stswatch::sql {

struct Trouble {
  enum class Kind { cannot_open, not_ours, damaged, read_only, full, failing, busy, other };
  Kind kind = Kind::other;
  std::string text;  // in the database's words, without secrets
};

/// Octets, as opposed to text.
struct Blob {
  std::string_view octets;
};

/// A statement while it is bound, and the row it stands at.
class Statement {
 public:
  virtual ~Statement() = default;

  void bind(std::int64_t value) { put_integer(value); }
  void bind(std::string_view text) { put_text(text); }
  void bind(Blob blob) { put_octets(blob.octets); }
  void bind(std::nullptr_t) { put_null(); }
  void bind(const std::string& text) { put_text(text); }
  void bind(const char* text) { put_text(text); }
  template <class T>
  requires std::is_integral_v<T>
  void bind(T value) { put_integer(static_cast<std::int64_t>(value)); }

  // Of the row; columns count from 0.
  virtual std::int64_t integer(int column) const = 0;
  virtual std::string_view text(int column) const = 0;  // until the next step
  virtual bool null(int column) const = 0;

 protected:
  virtual void put_integer(std::int64_t value) = 0;
  virtual void put_text(std::string_view text) = 0;
  virtual void put_octets(std::string_view octets) = 0;
  virtual void put_null() = 0;
};

class Tables {
 public:
  virtual ~Tables() = default;
  Tables(const Tables&) = delete;
  Tables& operator=(const Tables&) = delete;

  /// One statement, its parameters bound in order ("?", or "?1" for one that is meant twice).
  template <class... Args>
  void run(std::string_view text, const Args&... args) {
    run_bound(text, [&](Statement& statement) { (statement.bind(args), ...); });
  }
  template <class OnRow, class... Args>
  void each(std::string_view text, OnRow on_row, const Args&... args) {
    Statement* statement = prepare(text);
    if (statement == nullptr) return;
    (statement->bind(args), ...);
    while (step(*statement))
      on_row(const_cast<const Statement&>(*statement));
    reset(*statement);
  }
  /// For callers that bind by themselves.
  template <class Bind>
  void run_bound(std::string_view text, Bind bind) {
    Statement* statement = prepare(text);
    if (statement == nullptr) return;
    bind(*statement);
    finish(*statement);
    reset(*statement);
  }
  /// Several statements without parameters.
  virtual void script(const std::string& text) = 0;
  /// The first column of the first row.
  std::optional<std::int64_t> number(std::string_view text) {
    std::optional<std::int64_t> out;
    each(text, [&](const Statement& row) {
      if (!out) out = row.integer(0);
    });
    return out;
  }
  /// An empty table "wanted" of ids, for this transaction or connection alone.
  virtual void make_wanted() = 0;

  bool ok() const { return !trouble_; }
  const std::optional<Trouble>& trouble() const { return trouble_; }

 protected:
  Tables() = default;
  /// Null where something has gone wrong.
  virtual Statement* prepare(std::string_view text) = 0;
  virtual bool step(Statement& statement) = 0;
  /// To its end, its rows unread.
  virtual void finish(Statement& statement) {
    while (step(statement)) {
    }
  }
  virtual void reset(Statement& statement) = 0;

  std::optional<Trouble> trouble_;
};

}  // namespace stswatch::sql
