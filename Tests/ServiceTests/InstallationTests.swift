import Service
import Testing

@Suite("The installation")
struct InstallationTests {
  @Test(
    "files are found in the checkout above the program, else in share/pleat beside it, else in the system's",
    arguments: [
      (
        "/src/pleat/.build/x/release/pleat",
        ["/src/pleat/Package.swift", "/src/pleat/Migrations", "/usr/share/pleat/Migrations"],
        "/src/pleat/Migrations"
      ),
      (
        "/src/pleat/.build/x/release/pleat", ["/src/pleat/Migrations", "/usr/share/pleat/Migrations"],
        "/usr/share/pleat/Migrations"
      ),
      (
        "/opt/pleat/bin/pleat", ["/opt/pleat/share/pleat/Migrations", "/usr/share/pleat/Migrations"],
        "/opt/pleat/share/pleat/Migrations"
      ),
      ("/usr/bin/pleat", ["/usr/share/pleat/Migrations", "/Migrations"], "/usr/share/pleat/Migrations"),
      ("/usr/bin/pleat", ["/Migrations", "/usr/local/share/pleat/Migrations"], "/usr/local/share/pleat/Migrations"),
    ])
  func found(executable: String, files: [String], expected: String) throws {
    #expect(try Installation(executable: executable) { files.contains($0) }.find("Migrations") == expected)
  }

  @Test("what is not there is said with the places looked at")
  func missing() {
    #expect(
      throws: ConfigurationError(
        "Migrations is missing from the installation; looked for /usr/share/pleat/Migrations, /usr/local/share/pleat/Migrations"
      )
    ) {
      try Installation(executable: "/usr/bin/pleat") { _ in false }.find("Migrations")
    }
  }
}
