import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;

/** Asks servers (user, password, their addresses) for their metadata, and prints a line for each row: the question, then columns. */
public class Metadata {
    private interface Question {
        ResultSet ask() throws SQLException;
    }

    public static void main(String[] arguments) throws Exception {
        for (int number = 2; number < arguments.length; number++) {
            System.out.println("====");
            ask(arguments[number], arguments[0], arguments[1]);
        }
    }

    private static void ask(String url, String user, String password) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url, user, password)) {
            DatabaseMetaData data = connection.getMetaData();
            String[] all = {"TABLE", "VIEW"};
            print("catalogs", data::getCatalogs, "TABLE_CAT");
            print("schemas", data::getSchemas, "TABLE_SCHEM");
            print("tableTypes", data::getTableTypes, "TABLE_TYPE");
            print("tables", () -> data.getTables(null, "public", "%", all), "TABLE_NAME", "TABLE_TYPE", "REMARKS");
            print("tablesLike", () -> data.getTables(null, null, "cus_", null), "TABLE_SCHEM", "TABLE_NAME");
            print("columns", () -> data.getColumns(null, "public", "%", "%"), "TABLE_NAME", "COLUMN_NAME",
                "ORDINAL_POSITION", "DATA_TYPE", "TYPE_NAME", "COLUMN_SIZE", "DECIMAL_DIGITS", "NULLABLE", "IS_NULLABLE", "REMARKS");
            print("primaryKeys", () -> data.getPrimaryKeys(null, null, "cust"), "TABLE_NAME", "COLUMN_NAME", "KEY_SEQ");
            print("importedKeys", () -> data.getImportedKeys(null, null, "orders"), "PKTABLE_NAME", "PKCOLUMN_NAME",
                "FKTABLE_NAME", "FKCOLUMN_NAME", "KEY_SEQ");
            print("exportedKeys", () -> data.getExportedKeys(null, null, "cust"), "FKTABLE_NAME", "FKCOLUMN_NAME");
            print("crossReference", () -> data.getCrossReference(null, null, "cust", null, null, "orders"), "FKCOLUMN_NAME");
            print("indexes", () -> data.getIndexInfo(null, null, "cust", false, false), "TABLE_NAME", "NON_UNIQUE",
                "COLUMN_NAME", "TYPE");
            print("bestRow", () -> data.getBestRowIdentifier(null, null, "cust", 0, true), "COLUMN_NAME");
            print("types", data::getTypeInfo, "TYPE_NAME", "DATA_TYPE");
            print("procedures", () -> data.getProcedures(null, "public", "%"), "PROCEDURE_NAME");
            print("functions", () -> data.getFunctions(null, "public", "%"), "FUNCTION_NAME");
            print("functionColumns", () -> data.getFunctionColumns(null, "public", "%", "%"), "FUNCTION_NAME");
            print("privileges", () -> data.getTablePrivileges(null, "public", "cust"), "TABLE_NAME", "PRIVILEGE");
            print("columnPrivileges", () -> data.getColumnPrivileges(null, "public", "cust", "%"), "COLUMN_NAME", "PRIVILEGE");
            print("udts", () -> data.getUDTs(null, "public", "kinds%", null), "TYPE_NAME", "DATA_TYPE");
            print("clientInfo", data::getClientInfoProperties, "NAME");
            System.out.println("product|" + data.getDatabaseProductName());
            System.out.println("longestName|" + data.getMaxColumnNameLength());
            System.out.println("keywords|" + data.getSQLKeywords().contains("limit"));
            System.out.println("schema|" + connection.getSchema());
        }
    }

    private static void print(String name, Question question, String... columns) throws SQLException {
        try (ResultSet rows = question.ask()) {
            while (rows.next()) {
                StringBuilder line = new StringBuilder(name);
                for (String column : columns) {
                    line.append('|').append(rows.getString(column));
                }
                System.out.println(line);
            }
        }
    }
}
