import CLibpq
import Glibc

/// Whether a server that is there refuses a login for good: a role or database that does not exist, a wrong password, a right that
/// is missing. That is configuration, where a server that is away is not.
///
/// Of a connection libpq gives no SQLSTATE: it stands in the text, and only where verbose errors are asked for before the attempt.
package enum LoginRefusal {
  private static let seconds = 5

  /// Tries once more; nil if the server is not there, is only starting, or lets the login in.
  package static func diagnose(_ target: ConnectionTarget) -> ServerError? {
    var parameters = [
      ("dbname", target.conninfo), ("application_name", target.applicationName), ("client_encoding", "UTF8"),
    ]
    if let password = target.password { parameters.append(("password", password)) }
    let keywords = parameters.map { strdup($0.0) }
    let values = parameters.map { strdup($0.1) }
    defer { for string in keywords + values { free(string) } }
    let started = PQconnectStartParams(
      keywords.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil], 1)
    guard let pg = started else { return nil }
    defer { PQfinish(pg) }
    PQsetErrorVerbosity(pg, PQERRORS_VERBOSE)
    guard PQstatus(pg) != CONNECTION_BAD else { return nil }
    let deadline = Deadline(seconds: seconds)
    // As after `PQconnectStart`: first it wants to write.
    var state = PGRES_POLLING_WRITING
    while state == PGRES_POLLING_WRITING || state == PGRES_POLLING_READING {
      let events = state == PGRES_POLLING_WRITING ? POLLOUT : POLLIN
      var descriptor = pollfd(fd: PQsocket(pg), events: Int16(events), revents: 0)
      if poll(&descriptor, 1, deadline.millisecondsLeft) <= 0, deadline.hasPassed { return nil }
      state = PQconnectPoll(pg)
    }
    guard state == PGRES_POLLING_FAILED else { return nil }
    if PQconnectionNeedsPassword(pg) == 1 {
      return ServerError(
        sqlState: "28P01", message: "a password is asked for, and there is none", detail: nil, hint: nil, position: nil)
    }
    return refusal(in: String(cString: PQerrorMessage(pg)))
  }

  /// The error in `… FATAL:  28000: role "x" does not exist`, whatever the server calls FATAL, if it is one that stays.
  static func refusal(in text: String) -> ServerError? {
    for line in text.split(whereSeparator: \.isNewline) {
      let words = line.split(separator: " ")
      for (index, word) in words.enumerated() where word.count == 6 && word.last == ":" {
        let state = word.dropLast()
        guard state.allSatisfy({ $0.isASCII && ($0.isNumber || $0.isUppercase) }), state.contains(where: \.isNumber),
          state.hasPrefix("28") || state.hasPrefix("3D") || state == "42501"
        else { continue }
        return ServerError(
          sqlState: String(state), message: words[(index + 1)...].joined(separator: " "), detail: nil, hint: nil,
          position: nil)
      }
    }
    return nil
  }
}
