import CSimdjson

/// Brings memory nearer that is looked at soon; any address will do.
@inline(__always)
package func prefetch(_ address: UnsafeRawPointer) { pleat_prefetch_read(address) }
