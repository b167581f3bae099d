/// As `pleat --version` and `status` say it.
package let pleatVersion = "0.1.0"
