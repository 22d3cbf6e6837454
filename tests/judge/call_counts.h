// How often the costly steps of a judgement are taken in this program, counted by the linker (--wrap, see
// stswatch_count_calls in tests/CMakeLists.txt), so that nothing in the product counts for a test. Included
// by one file of a program.
#pragma once

#include "checks/judge/case.h"

#ifdef __clang__  // the linker is given C++ names, which only C linkage leaves as they are
#pragma clang diagnostic ignored "-Wreturn-type-c-linkage"
#endif

namespace stswatch::facts {

struct CallCounts {
  int cases = 0;        // facts read and classified: read_case()
  int judgements = 0;   // judge()
  int simulations = 0;  // simulate_figures()
  int parses = 0;       // read_policy()
  bool operator==(const CallCounts&) const = default;
};

inline CallCounts call_counts;

}  // namespace stswatch::facts

extern "C" {

#define STSWATCH_COUNTED(result, name, counter, parameters, arguments) \
  result __real_##name parameters;                                     \
  result __wrap_##name parameters {                                    \
    ++::stswatch::facts::call_counts.counter;                          \
    return __real_##name arguments;                                    \
  }

STSWATCH_COUNTED(
    ::stswatch::Case,
    _ZN8stswatch9read_caseERKNS_17DomainObservationERKSt3mapINSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEESt10shared_ptrIKNS_17MxHostObservationEESt4lessIS9_ESaISt4pairIKS9_SD_EEERKNS_7VantageERKNS_6LimitsE,
    cases,
    (const ::stswatch::DomainObservation& facts, const ::stswatch::MxLooks& mx,
     const ::stswatch::Vantage& vantage, const ::stswatch::Limits& limits),
    (facts, mx, vantage, limits))
STSWATCH_COUNTED(::stswatch::Verdict, _ZN8stswatch5judgeENS_4CaseE, judgements, (::stswatch::Case c),
                 (std::move(c)))
STSWATCH_COUNTED(::stswatch::Simulation, _ZN8stswatch16simulate_figuresERKNS_5WorldE, simulations,
                 (const ::stswatch::World& world), (world))
STSWATCH_COUNTED(::stswatch::PolicyReading,
                 _ZN8stswatch11read_policyESt17basic_string_viewIcSt11char_traitsIcEE, parses,
                 (std::string_view body), (body))

#undef STSWATCH_COUNTED
}
