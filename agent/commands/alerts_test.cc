// alerts test: a marked notice, or one of each kind, through each receiver, and what came of it or would be
// sent.

#include <iostream>
#include <optional>
#include <tuple>

#include "agent/commands/commands.h"
#include "agent/version.h"
#include "agent/watch/clock.h"
#include "alerts/sink.h"
#include "checks/facts/text.h"
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

/// One problem of a domain from its beginning to its end, and one of the agent itself.
std::vector<Notice> life_of_a_problem(const Config& config, TimePoint now) {
  std::vector<Notice> out;
  const auto domain = config.domains.empty() ? std::string("example.com") : config.domains[0].name.str();
  Notice n = test_notice(config, now);
  const auto thread = std::string(n.thread());
  n.domains = {domain};
  n.domain_count = 1;
  n.findings = {{domain, "test", domain, Severity::info}};
  for (const auto& [kind, route, severity] : {std::tuple{NoticeKind::fresh, Route::ticket, Severity::warning},
                                              {NoticeKind::worse, Route::page, Severity::critical},
                                              {NoticeKind::reminder, Route::page, Severity::critical},
                                              {NoticeKind::better, Route::ticket, Severity::warning},
                                              {NoticeKind::resolved, Route::ticket, Severity::warning}}) {
    n.key = thread + '.' + std::to_string(out.size() + 1);
    n.kind = kind;
    n.route = route;
    n.severity = severity;
    if (kind != NoticeKind::resolved) n.findings[0].severity = severity;
    out.push_back(n);
  }
  out.push_back(test_notice(config, now));
  out.back().key = thread + "-own.1";
  return out;
}

/// Whether it took them all; with `dry`, whether they could be sent.
bool send_to(const Receiver& r, const std::vector<Notice>& notices, bool dry, Streams io) {
  bool all = true;
  std::optional<Notice> before;
  for (const auto& notice : notices) {
    const auto name =
        r.rules.name + ": " + (notices.size() > 1 ? std::string(to_string(notice.kind)) + ": " : "");
    if (dry) io.out << name << "would be sent:\n";
    const bool goes_on = before && before->thread() == notice.thread();
    const auto result = r.sink->send(notice, goes_on ? &*before : nullptr, {});
    const bool sent = result.kind == SendResult::Kind::sent;
    all = all && sent;
    if (!dry || !sent)
      io.out << name << (sent ? "sent" : "FAILED (" + result.reason + "): " + result.detail) << "\n"
             << std::flush;
    before = notice;
    before->handle = result.handle;
  }
  return all;
}

}  // namespace

int alerts_test(const AlertsTestCommand& command, Streams io) {
  const auto config = load_config(command.config_file);
  if (!config) return complain(io, list_of(config.error()), kExitConfig);
  const SystemClock clock;
  const auto now = [&] { return clock.now(); };
  SinkOptions with{config->network.ca_file, kVersion, now};
  if (command.dry_run) with.show = [io](const std::string& what) { io.out << what << "\n" << std::flush; };
  const auto receivers = make_receivers(config->alerts, with);
  if (receivers.empty())
    return complain(io, command.config_file + " has no receiver: add an [[alerts.email]] or another",
                    kExitConfig);
  std::string names;
  bool there = command.receiver.empty();
  for (const auto& r : receivers) {
    text::add(names, ", ", r.rules.name);
    there |= r.rules.name == command.receiver;
  }
  if (!there)
    return complain(io, "no receiver is named \"" + command.receiver + "\": there are " + names, kExitUsage);
  const auto notices = command.all ? life_of_a_problem(*config, clock.now())
                                   : std::vector<Notice>{test_notice(*config, clock.now())};
  bool all = true;
  for (const auto& r : receivers)
    if (command.receiver.empty() || r.rules.name == command.receiver)
      all = send_to(r, notices, command.dry_run, io) && all;
  return all ? 0 : 1;
}

}  // namespace stswatch
