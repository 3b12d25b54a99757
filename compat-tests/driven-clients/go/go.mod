module ottla.test/driver

go 1.24
