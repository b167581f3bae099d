/// One member of the parallel lists of a table's rows: a row of a view for which the table keeps all of a kind in one row.
package struct ListMember: Sendable {
  /// A column of lists, and what a member of it is called.
  package struct List: Sendable {
    var column: String
    var member: String
    package init(_ column: String, of member: String) { (self.column, self.member) = (column, member) }
  }

  /// The list of what the members are known by; each name is in it once.
  package let names: List
  /// Lists of the same length.
  package let values: [List]

  package init(names: List, values: [List]) { (self.names, self.values) = (names, values) }

  var lists: [List] { [names] + values }

  /// The columns of a row and one of its members, in SQL.
  func select(from table: String, _ columns: [String]) -> String {
    """
    (SELECT \(columns.map { "r.\"\($0)\"" }.joined(separator: ", ")), m.* FROM \(table) r
     CROSS JOIN LATERAL unnest(\(lists.map { "r.\"\($0.column)\"" }.joined(separator: ", ")))
       AS m (\(lists.map { "\"\($0.member)\"" }.joined(separator: ", "))))
    """
  }
}
