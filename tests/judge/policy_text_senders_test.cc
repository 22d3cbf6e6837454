// CONTRACT 2: `refused_by`.
#include "checks/judge/policy_text_senders.h"

#include <doctest/doctest.h>

#include <string>

#include "checks/judge/catalogue.h"

using namespace stswatch;

namespace {

std::string senders(std::string_view code) {
  std::string out;
  for (const auto sender : refused_by(code))
    out += std::string(sender) + ' ';
  return out;
}

}  // namespace

TEST_CASE("which deployed senders refuse or misread it (RULES 0.4)") {
  CHECK(senders("sts-txt-id-invalid") == "mox postfix-tlspol ");
  CHECK(senders("sts-none-without-mx") == "chasquid Stalwart ");
  CHECK(senders("sts-txt-other-records-present") == "maddy ");
  CHECK(senders("mx-null").empty());
  CHECK(senders("no-such-code").empty());
}

TEST_CASE("only codes of the catalogue, on a record or a policy, have senders") {
  for (const CatalogueEntry& entry : catalogue()) {
    CAPTURE(entry.code);
    if (refused_by(entry.code).empty()) continue;
    CHECK(std::string_view("ABDE").find(entry.group) != std::string_view::npos);
  }
}
