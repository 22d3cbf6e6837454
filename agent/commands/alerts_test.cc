// alerts test: a marked notice through each receiver, and what came of it.

#include <iostream>

#include "agent/commands/commands.h"
#include "agent/version.h"
#include "agent/watch/clock.h"
#include "alerts/sink.h"
#include "config/load.h"

namespace stswatch {
namespace {

Notice test_notice(const Config& config, TimePoint now) {
  Notice n;
  n.key = "test-" + std::to_string(now.time_since_epoch().count()) + ".1";
  n.route = Route::ticket;
  n.severity = Severity::info;
  n.title = "TEST: a test of this receiver, nothing is wrong";
  n.effect = "none: somebody ran \"stswatch alerts test\"";
  n.seen = "nothing: no domain was looked at";
  n.changed = "nothing";
  n.since = now;
  n.until = now;
  n.outlook = "over already: no resolve follows";
  n.fix = "nothing to do";
  n.reference = "none";
  n.url = config.agent.external_url;
  n.findings = {{"", "test", "stswatch", Severity::info}};
  n.at = now;
  return n;
}

}  // namespace

int alerts_test(const AlertsTestCommand& command, Streams io) {
  const auto config = load_config(command.config_file);
  if (!config) return complain(io, list_of(config.error()), kExitConfig);
  const SystemClock clock;
  const auto now = [&] { return clock.now(); };
  const auto receivers = make_receivers(config->alerts, {config->network.ca_file, kVersion, now});
  if (receivers.empty())
    return complain(io, command.config_file + " has no receiver: add an [[alerts.email]] or another",
                    kExitConfig);
  std::string names;
  bool there = command.receiver.empty();
  for (const auto& r : receivers) {
    names += (names.empty() ? "" : ", ") + r.rules.name;
    there |= r.rules.name == command.receiver;
  }
  if (!there)
    return complain(io, "no receiver is named \"" + command.receiver + "\": there are " + names, kExitUsage);
  const auto notice = test_notice(*config, clock.now());
  bool all = true;
  for (const auto& r : receivers) {
    if (!command.receiver.empty() && r.rules.name != command.receiver) continue;
    const auto result = r.sink->send(notice, nullptr, {});
    const bool sent = result.kind == SendResult::Kind::sent;
    all = all && sent;
    io.out << r.rules.name << ": " << (sent ? "sent" : "FAILED (" + result.reason + "): " + result.detail)
           << "\n"
           << std::flush;
  }
  return all ? 0 : 1;
}

}  // namespace stswatch
