BEGIN TRANSACTION;
CREATE TABLE changes (
	epoch BIGINT NOT NULL, 
	service TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	account TEXT NOT NULL, 
	region TEXT NOT NULL, 
	id TEXT NOT NULL, 
	PRIMARY KEY (epoch, service, kind, account, region, id)
)
 WITHOUT ROWID

;
INSERT INTO "changes" VALUES(1,'demo','thing','111122223333','eu-west-1','red ü');
INSERT INTO "changes" VALUES(1,'demo','thing','444455556666','us-east-1','gone');
INSERT INTO "changes" VALUES(2,'demo','thing','111122223333','','plain');
INSERT INTO "changes" VALUES(2,'demo','thing','444455556666','us-east-1','gone');
CREATE TABLE lease (
	name TEXT NOT NULL, 
	holder TEXT NOT NULL, 
	token BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE meta (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('schema','1');
CREATE TABLE resource_index (
	service TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	account TEXT NOT NULL, 
	region TEXT NOT NULL, 
	id TEXT NOT NULL, 
	PRIMARY KEY (service, kind, name, value, account, region, id)
)
 WITHOUT ROWID

;
INSERT INTO "resource_index" VALUES('demo','thing','colour','red','111122223333','eu-west-1','red ü');
INSERT INTO "resource_index" VALUES('demo','thing','tag','x','111122223333','eu-west-1','red ü');
INSERT INTO "resource_index" VALUES('demo','thing','tag','y','111122223333','eu-west-1','red ü');
CREATE TABLE resources (
	service TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	account TEXT NOT NULL, 
	region TEXT NOT NULL, 
	id TEXT NOT NULL, 
	revision BIGINT NOT NULL, 
	due BIGINT, 
	schema INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (service, kind, account, region, id)
);
INSERT INTO "resources" VALUES('demo','thing','111122223333','eu-west-1','red ü',1,1795435200123456,1,'{"name":"red ü","colour":"red","tags":["x","y"],"due":"2026-11-23T12:00:00.123456Z","number":7}');
INSERT INTO "resources" VALUES('demo','thing','111122223333','','plain',2,NULL,1,'{"name":"plain","colour":null,"tags":[],"due":null,"number":0}');
CREATE INDEX resources_due ON resources (due) WHERE due IS NOT NULL;
CREATE INDEX resource_index_owner ON resource_index (service, kind, account, region, id);
COMMIT;
