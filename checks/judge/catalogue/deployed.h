// What deployed senders do where they differ from RFC 8461 or from each other: one table, a row a
// peculiarity, each with what saw it (RULES 0.4, CONTRACT 2 `refused_by`, 9.2 `accepted_by`). Constant data;
// share freely.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checks/facts/oddity.h"

namespace stswatch {

using SenderNames = std::vector<std::string>;

struct Senders {
  SenderNames refuse{};  // end without a policy, with another one than the text means, or at no host
  SenderNames accept{};  // apply, fetch or deliver all the same
  bool operator==(const Senders&) const = default;
};

/// What the rows of a code say of these oddities together: who stumbles over one of them stumbles. Oddities
/// without a row of their own, and none at all, are what the code's plain row is for.
Senders senders_of(std::string_view code, std::span<const Oddity> oddities = {});

/// Those who stumble over something that the code covers; those who take something of it.
Senders ever_senders_of(std::string_view code);

/// A row as a test sees it.
struct SenderRow {
  std::string_view code;
  Oddity oddity = Oddity::none;
  unsigned refuse = 0, accept = 0;  // bits, in the order of sender_names()
  std::string_view seen{};          // the case of tests/lab/senders_test.py that saw it, or "source"
};
std::span<const SenderRow> sender_rows();
std::span<const std::string_view> sender_names();

/// "mox, go-mtasts".
std::string comma_separated(const SenderNames& names);

}  // namespace stswatch
