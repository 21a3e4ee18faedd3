// Verb: one command of the `stele` program, and what it may use of the outside. A program is a
// table of verbs given to RunCli; there is no registry behind it. Value types, used by one thread.
#pragma once

#include <boost/program_options.hpp>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/time/clock.h"
#include "stele/client.h"

namespace stele {
class FaultInjector;
}

namespace stele::cli {

class Interrupt;
struct Verb;
using ClientCache = std::map<std::string, std::shared_ptr<Client>>;  // by the cell's address

// What the program says by its exit code. Servers use 10 to 16 besides (see `stele local --help`).
enum ExitCode : int {
  kOk = 0,
  kFailed = 1,         // the operation failed; nothing, or a stated part, was done
  kUsage = 2,          // a wrong flag, argument, name or size; nothing was done
  kUnreachable = 3,    // no cell, or no server for the row, answered in time; nothing was done
  kNotFound = 4,       // no such table, family or row
  kUnknown = 5,        // a write that may or may not have been applied
  kNotMatched = 6,     // `cas`: the condition did not hold; the else branch, if any, was done
  kNotDone = 7,        // not done, or not so, by the deadline; what was begun goes on
  kInterrupted = 130,  // Ctrl-C; what was done is told
};
ExitCode ExitCodeOf(const Status& status);

struct Environment {
  std::istream* in;
  std::ostream* out;
  std::ostream* err;
  bool progress = false;        // standard error is a terminal
  std::string cell;             // STELE_CELL, or the default
  bool cell_by_locker = false;  // the cell was named by its Locker: these are all its masters
  std::map<std::string, std::string> variables = {};  // of the environment, those named STELE_...
  Clock* clock = nullptr;
  bool terminal = false;           // standard input and output are one
  bool colour = false;             // standard output is one, and nobody minds (NO_COLOR)
  ClientCache* clients = nullptr;  // of a shell: kept for its later commands; else null
  Interrupt* interrupt = nullptr;  // of a shell: Ctrl-C during a command; else null
  Status locker;                   // not OK: the one that names the cell could not be asked, which
                                   // only a verb that says why goes on with
  const std::vector<Verb>* verbs = nullptr;  // of the program; set by RunCli
  FaultInjector* faults = nullptr;           // of the servers that a verb runs; null but in tests
};

namespace po = boost::program_options;

struct Invocation {
  const po::variables_map& flags;
  std::vector<std::string> args;  // unescaped when --escaped was given
  Environment* env;

  bool Has(const char* flag) const { return flags.count(flag) > 0; }
  template <typename T>
  T Get(const char* flag) const {
    return flags[flag].as<T>();
  }
};

struct Verb {
  std::string name;       // "table create"
  std::string arguments;  // "TABLE ROW"
  std::string summary;    // one line
  std::string details;    // "" or some lines
  std::string example;    // a whole command line
  size_t min_args = 0;
  size_t max_args = 0;
  std::function<void(po::options_description*)> options;
  std::function<int(const Invocation&)> run;
  bool uses_cell = true;  // has --cell and --timeout-ms
  bool reads = false;     // has --json
  bool watches = false;   // has --watch, which runs it again and again (watch.h)
};

// Prints `status` as the one sentence of a failure; returns its exit code.
int Fail(const Invocation& call, const Status& status);

// The cell of --cell or STELE_CELL; a shell keeps it, unless --timeout-ms is given.
StatusOr<std::shared_ptr<Client>> ConnectCell(const Invocation& call,
                                              const ClientOptions& options = {});
// The same with a cell that another flag names.
StatusOr<std::shared_ptr<Client>> ConnectTo(const Invocation& call, const std::string& cell,
                                            ClientOptions options = {});
// Connects and opens; `client` owns what the table needs.
StatusOr<Table> OpenTable(const Invocation& call, const std::string& name,
                          std::shared_ptr<Client>* client);

// Of all verbs but the servers', for `--help` and the manual; without its heading.
inline constexpr char kExitCodes[] =
    "0 ok, 1 the operation failed, 2 usage error, 3 the cell cannot be reached,\n"
    "4 no such table, family, row or server, 5 outcome of a write unknown, 6 the condition of cas "
    "did\nnot hold, 7 not done by --deadline (the cell goes on with it), 130 interrupted.\n";

// The flags of the verb, with those that all verbs of its kind have.
po::options_description OptionsOf(const Verb& verb);

// All verbs that need nothing but the client.
std::vector<Verb> ClientVerbs();

// Runs the verb that the arguments name and returns the exit code. argv[0] is skipped. Never
// throws.
int RunCli(const std::vector<Verb>& verbs, int argc, const char* const* argv, Environment* env);

}  // namespace stele::cli
