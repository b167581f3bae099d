/// Who runs: the instance's name and the counter of its start.
package struct InstanceID: Hashable, Sendable {
  package var name: String
  package var start: Int64
  package init(name: String, start: Int64) { (self.name, self.start) = (name, start) }
}
