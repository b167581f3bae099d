/// What goes wrong in worlds, and what else happens in them that is rare: counted, so that it is seen to happen.
package enum FaultKind: Int, CaseIterable, CustomStringConvertible, Sendable {
  // Of instances and commands.
  case crash, pause, zombie, arrival, departure, namesake, instanceClock, upgrade

  // At a call that the seed names.
  case breakpoint, breakpointMet

  // Of the network and the database.
  case databaseRequestLost, databaseReplyLost, databaseReplySlow, databaseLate, commitReplyLost, commitLate,
    databaseUnreachable
  case databaseRestart, restore, restoreAtEnd, failover, diskFull, slowDisk, slowStatement, overlongStatement,
    databaseClock
  case blockerEnded, swapRefused

  // Of the broker.
  case brokerLost, brokerReplyLost, relayCommitLost, relayCommitLate, brokerAway, leaderAway, partitionFails,
    brokerUnreachable, fenced
  case abortedTransaction, hangingTransaction, timedOutTransaction, foreignTransaction, truncate, recreate, refill
  case retention, compaction, leap, resend, badRecord, alarm, skip

  // Rebuilds.
  case rebuild, seizure, swap, higherSwap, rebuilderGone, rebuilderPause, discard, drop

  // Erasures and dead letters.
  case erasure, erasureAgain, erasureAfterSkip, erased, rewrite, erasedOnArrival, erasedLetter, forgetGone, retried,
    retriedDuplicate

  package var description: String {
    switch self {
    case .crash: "an instance is killed"
    case .pause: "an instance is stopped, and wakes up"
    case .zombie: "… after its leases, with a transaction or a call under way"
    case .arrival: "an instance joins"
    case .departure: "an instance leaves"
    case .namesake: "an instance is started a second time under its name"
    case .instanceClock: "an instance's clock steps"
    case .upgrade: "instances of a higher version replace the others"
    case .breakpoint: "something happens just before a call that the seed names"
    case .breakpointMet: "… which goes on when another such call is made"
    case .databaseRequestLost: "a statement never arrives"
    case .databaseReplyLost: "the reply to a statement is lost"
    case .databaseReplySlow: "the reply to a statement is long on its way"
    case .databaseLate: "a statement happens later"
    case .commitReplyLost: "the reply to a commit is lost, and it has happened"
    case .commitLate: "a commit happens later"
    case .databaseUnreachable: "an instance does not reach the database"
    case .databaseRestart: "the database restarts"
    case .restore: "the database goes back to a backup"
    case .restoreAtEnd: "… when everything has caught up, and once more to the same moment"
    case .failover: "the database goes back a little, as after a failover"
    case .diskFull: "a write finds the disk full"
    case .slowDisk: "the database's disk is slow for a while"
    case .slowStatement: "a statement is slow"
    case .overlongStatement: "… and takes longer than a lease"
    case .databaseClock: "the database's clock steps"
    case .blockerEnded: "a backend is ended, for whom somebody waits"
    case .swapRefused: "a compare-and-swap finds another epoch or place"
    case .brokerLost: "a request to the broker never arrives"
    case .brokerReplyLost: "the broker's reply is lost"
    case .relayCommitLost: "the reply to the relay's commit is lost, and it has happened"
    case .relayCommitLate: "the relay's commit happens later"
    case .brokerAway: "the broker is away"
    case .partitionFails: "a partition fails, and is read again after a check"
    case .leaderAway: "the broker of one partition is away"
    case .brokerUnreachable: "an instance does not reach the broker"
    case .fenced: "a transactional producer is fenced"
    case .abortedTransaction: "a producer's transaction is aborted"
    case .hangingTransaction: "a producer's transaction stays open"
    case .timedOutTransaction: "a dead producer's transaction times out"
    case .foreignTransaction: "somebody has a transaction open over a topic that the relay reads"
    case .truncate: "a partition loses its end"
    case .recreate: "a partition is deleted and made anew"
    case .refill: "… and filled past where it was read to"
    case .retention: "retention drops records"
    case .compaction: "the cursor topic is compacted"
    case .leap: "offsets that nobody sees"
    case .resend: "a record is sent again"
    case .badRecord: "a record that is no event"
    case .alarm: "an alarm"
    case .skip: "somebody decides, with skip"
    case .rebuild: "a rebuild begins or goes on"
    case .seizure: "a rebuild pauses the live fold"
    case .swap: "a generation takes the place of another"
    case .higherSwap: "… of a lower version"
    case .rebuilderGone: "a rebuilder is killed"
    case .rebuilderPause: "a rebuilder is stopped, and wakes up"
    case .discard: "what is being rebuilt is given up"
    case .drop: "an old generation is gone"
    case .erasure: "an erasure is begun"
    case .erasureAgain: "… again, by ingest, in a database that had forgotten it"
    case .erasureAfterSkip: "… again, where a skip goes back"
    case .erased: "an erasure's event is appended"
    case .rewrite: "a segment is rewritten"
    case .erasedOnArrival: "ingest erases what it reads"
    case .erasedLetter: "a dead letter is emptied"
    case .forgetGone: "a forget is killed"
    case .retried: "a dead letter is tried again, and journaled"
    case .retriedDuplicate: "… and is a duplicate"
    }
  }
}
