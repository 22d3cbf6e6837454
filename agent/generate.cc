// generate: what to publish for the MX as they are; and explain: what a finding means.
#include <iostream>

#include "agent/clock.h"
#include "agent/commands.h"
#include "agent/outlook.h"
#include "checks/facts/mx_pattern.h"

namespace stswatch {
namespace {

/// The MX hosts in order of preference, or why there are none to list.
tl::expected<std::vector<std::string>, std::string> mx_hosts(const DomainObservation& facts) {
  const auto& mx = facts.mx;
  const auto& name = facts.domain.str();
  if (mx.lookup == Lookup::unknown)
    return tl::make_unexpected("the MX records of " + name + " could not be looked up (" + mx.detail +
                               "): try again, or name a server with --resolver");
  std::vector<std::string> hosts;
  for (const auto& record : mx.records)
    hosts.push_back(record.host);
  if (hosts == std::vector<std::string>{""})
    return tl::make_unexpected(name + " takes no mail (null MX, RFC 7505): it needs no policy");
  if (hosts.empty() && facts.apex.lookup() == Lookup::found) hosts.push_back(name);  // RFC 5321 §5.1
  if (hosts.empty())
    return tl::make_unexpected(name + " has neither MX nor address records: publish MX records first");
  for (const auto& host : hosts)
    if (!is_mx_pattern(host))
      return tl::make_unexpected("the MX target \"" + host + "\" of " + name +
                                 " cannot stand in a policy (RFC 8461 §3.2): correct the MX record first");
  return hosts;
}

void print_texts(const GenerateCommand& command, const Domain& domain, const std::vector<std::string>& hosts,
                 TimePoint now, std::ostream& out) {
  out << "# 1. Serve this file as https://" << domain.policy_host()
      << "/.well-known/mta-sts.txt (Content-Type: text/plain)\n";
  out << "version: STSv1\nmode: " << command.mode << "\n";
  for (const auto& host : hosts)
    out << "mx: " << host << "\n";
  out << "max_age: " << command.max_age << "\n\n";
  out << "# 2. When every address of " << domain.policy_host() << " serves it, publish this record\n";
  out << domain.sts_record_name() << ". 3600 IN TXT \"v=STSv1; id=" << fresh_id(now) << ";\"\n\n";
  const std::string rua = command.rua.empty() ? "mailto:tlsrpt@" + domain.str() : command.rua;
  out << "# 3. Reports of what senders meet (RFC 8460)\n";
  out << domain.tlsrpt_name() << ". 3600 IN TXT \"v=TLSRPTv1; rua=" << rua << "\"\n";
}

}  // namespace

int generate(const GenerateCommand& command, Streams io) {
  const auto domain = Domain::parse(command.domain);
  if (!domain) return complain(io, domain.error(), kExitUsage);
  const auto config = effective_config(command.flags);
  if (!config) return complain(io, config.error().what, config.error().exit_code);
  auto outlook = make_outlook(*config);
  if (!outlook) return complain(io, outlook.error(), kExitConfig);
  const TimePoint now = SystemClock().now();
  const auto facts =
      outlook->observer->look_at_names(*domain, now, Deadline::in(config->network.look_timeout));
  const auto hosts = mx_hosts(facts);
  if (!hosts) return complain(io, hosts.error(), 3);
  print_texts(command, *domain, *hosts, now, io.out);
  return 0;
}

int explain(const std::string& code, Streams io) {
  if (code.empty()) {
    for (const auto& entry : catalogue())
      io.out << entry.code << "  " << entry.title << "\n";
    return 0;
  }
  const auto* entry = find_in_catalogue(code);
  if (entry == nullptr) return complain(io, "no finding \"" + code + "\": see stswatch explain", kExitUsage);
  const auto severity = [&](Mode mode) {
    const auto s = entry->severity_in(mode);
    return s ? std::string(to_string(*s)) : std::string("not raised");
  };
  io.out << entry->code << "\n\n"
         << entry->title << ".\n\nMail:      " << entry->effect << "\nFix:       " << entry->fix
         << "\nSeverity:  " << severity(Mode::enforce) << " in enforce, " << severity(Mode::testing)
         << " in testing, " << severity(Mode::none) << " in none\nRoute:     " << to_string(entry->route)
         << "\nReference: " << entry->reference << "\n";
  if (!entry->tlsrpt.empty()) io.out << "Reported:  as " << entry->tlsrpt << " (RFC 8460 §4.3)\n";
  return 0;
}

}  // namespace stswatch
