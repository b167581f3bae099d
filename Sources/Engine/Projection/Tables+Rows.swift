import Projections

extension [any Table] {
  /// Those of the same rows.
  func with(rowsOf table: any Table) -> Self { filter { $0.rowsOwner == table.rowsOwner } }
}
